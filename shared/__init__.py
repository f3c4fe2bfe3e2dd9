"""The plumbing every service stands on: event log, follower, consumption, HTTP. No business rules."""
