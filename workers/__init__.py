"""How a job becomes segments, and how a fact becomes a status."""
