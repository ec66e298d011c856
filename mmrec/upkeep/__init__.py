"""What keeps a lake in order over the years. Here: bringing an older lake to today's format."""
