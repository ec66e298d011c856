"""The mathematics: no lake and no files."""
