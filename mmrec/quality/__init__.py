"""Which landed rows and batches are good."""
