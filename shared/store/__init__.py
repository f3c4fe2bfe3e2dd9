"""The store: what the platform asks of MongoDB, and nothing more."""
