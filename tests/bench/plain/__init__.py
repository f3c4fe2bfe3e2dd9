"""The plainest honest programs: the same work with the stock libraries, and nothing that keeps it safe."""
