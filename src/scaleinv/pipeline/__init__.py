"""The roof: stages, the only place where rooms meet."""
