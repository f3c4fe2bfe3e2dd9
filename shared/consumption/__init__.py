"""Consumption: what stands between Kafka and a consumer's function, and settles each record by itself.

The rules are protocol.md C1-C7.
"""
