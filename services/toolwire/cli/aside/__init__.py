"""`dead` and `junk`: what services put aside, looked at, replayed, and thrown away by an operator."""
