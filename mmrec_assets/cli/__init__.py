"""The `mmrec` command: its words, its runs, and how answers are printed in a terminal."""
