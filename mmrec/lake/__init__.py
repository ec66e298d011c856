"""Storage: the only code that opens a table."""
