"""Settings, the tables of Appendix A and B, the error tree and logging: what every other room may import."""
