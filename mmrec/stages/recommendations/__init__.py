"""recommendations: everybody's list as of a period, its reasons in words, every item's neighbours, and the snapshot."""
