"""Delivered files as rows of text, with the file and the row number of each."""
