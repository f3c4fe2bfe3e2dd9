"""The follower: a service's own views and its relay to Kafka on one change stream.

The rules are protocol.md F1-F6.
"""
