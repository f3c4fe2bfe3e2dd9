"""Hamkke on one machine without Docker: store, broker and services as processes, started, watched and stopped together."""
