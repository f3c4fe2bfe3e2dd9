"""The event log: one command on one aggregate is one document inserted (protocol.md D1-D9)."""
