"""Networks whose layers are written here, because no library carries them."""
