"""What people ask of a published snapshot, and of what leads to it. Reads only."""
