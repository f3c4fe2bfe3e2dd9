"""The follower: a service's own views and its relay to Kafka on one change stream.

The rules are architecture.md 2.2 and protocol.md F1-F6.
"""
