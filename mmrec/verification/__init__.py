"""The oracle: a second lake is built from nothing and held against the first, to the last bit."""
