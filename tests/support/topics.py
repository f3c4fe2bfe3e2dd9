"""Topics for tests."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def create_topic(bootstrap: Sequence[str], name: str, partitions: int = 3, **configs: str) -> None:
    """Create a topic with one replica."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(bootstrap))
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        failed = [error for error in answer.topic_errors if error[1] != 0]
        if failed:
            raise RuntimeError(f"topic not created: {failed}")
    finally:
        await admin.close()
