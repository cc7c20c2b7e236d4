"""What is shown, and what may be done: a module for each page."""
