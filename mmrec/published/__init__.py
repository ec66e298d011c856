"""What is stored, read back whole and checked."""
