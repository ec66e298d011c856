"""raw: what was delivered, as delivered, with file and row."""
