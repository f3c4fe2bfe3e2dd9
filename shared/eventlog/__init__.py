"""The event log: one command on one aggregate is one document inserted (architecture.md 2.1, protocol.md D1-D9)."""
