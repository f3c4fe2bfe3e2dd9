"""What one can do and read over HTTP, by noun."""
