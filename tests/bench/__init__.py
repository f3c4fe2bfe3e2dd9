"""The path measured against the plainest honest programs that do the same work (`make bench`)."""
