"""The broker: what the platform asks of Kafka, and nothing more."""
