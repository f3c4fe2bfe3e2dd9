"""The one list of services. A new service adds its name and the offset of its port here, and starts with the rest."""

SERVICES: dict[str, int] = {"recruitment": 1, "notifications": 2}
"""Service -> port offset. Offset 0 is the gateway's."""

STORE, BROKER, CONTROLLER = 10, 11, 12
"""Port offsets of the store, the broker, and Apache Kafka's controller."""

DEFAULT_PORT = 8400
