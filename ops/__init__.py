"""What operators see: the account in one look, what is wrong with it, and its metrics."""
