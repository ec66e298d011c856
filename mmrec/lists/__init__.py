"""Lists, neighbours and reasons, made from what is published."""
