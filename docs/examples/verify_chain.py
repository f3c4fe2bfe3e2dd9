"""Read topics from their start and verify the chain of every stream. Needs Python 3.11 and aiokafka, nothing of Hamkke.

pip install aiokafka
python verify_chain.py 127.0.0.1:8411 hamkke.recruitment.call hamkke.recruitment.application
"""
# ruff: noqa: T201

import asyncio
import hashlib
import json
import sys

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

HASHED = (
    "id", "source", "type", "subject", "time", "recordedtime", "dataschema", "streamversion",
    "projectid", "actorref", "traceparent", "correlationid", "causationid",
)  # fmt: skip


def hash_of(attributes: dict[str, str], value: bytes) -> str:
    """SHA-256 of: previous hash, line feed, the hashed attributes as canonical JSON, line feed, the value as it came."""
    hashed = {name: attributes[name] for name in HASHED if name in attributes}
    written = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{attributes.get('prevhash', '')}\n{written}\n".encode() + value).hexdigest()


class Chains:
    """What is known of each stream: the hash of every version, in order. What does not fit goes to `misfits`."""

    def __init__(self) -> None:
        self.streams: dict[str, list[str]] = {}
        self.misfits: list[str] = []

    def take(self, record: ConsumerRecord) -> None:
        where = f"{record.topic}[{record.partition}]@{record.offset}"
        try:
            attributes = {
                name.removeprefix("ce_"): value.decode() for name, value in record.headers if name[:3] == "ce_"
            }
            stream, version, own = attributes["subject"], int(attributes["streamversion"]), attributes["hash"]
            fits = hash_of(attributes, record.value) == own
        except (KeyError, ValueError, TypeError) as error:
            self.misfits.append(f"{where}: not an event ({error!r})")
            return
        known = self.streams.setdefault(stream, [])
        if not fits:
            self.misfits.append(f"{where}: {stream}@{version} is not what its own hash says")
        elif version <= len(known):
            if known[version - 1] != own:  # the same again is a repeat, and harmless
                self.misfits.append(f"{where}: there is another {stream}@{version}")
        elif version > len(known) + 1:
            self.misfits.append(f"{where}: {stream}@{version} comes after version {len(known)}")
        elif attributes.get("prevhash", "") != (known[-1] if known else ""):
            self.misfits.append(f"{where}: {stream}@{version} does not follow the version before")
        else:
            known.append(own)


async def read(bootstrap: str, topics: list[str], chains: Chains) -> None:
    """Every record from the start up to the end that was there when reading began."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap.split(","), group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        unread, ends = set[TopicPartition](consumer.assignment()), dict[TopicPartition, int]()
        while unread:
            for records in (await consumer.getmany(*unread, timeout_ms=500)).values():
                for record in records:
                    chains.take(record)
            for place in list(unread):
                end = consumer.highwater(place)
                if end is not None and await consumer.position(place) >= ends.setdefault(place, end):
                    unread.discard(place)
    finally:
        await consumer.stop()


def main() -> int:
    if len(sys.argv) < 3:
        print("usage: verify_chain.py HOST:PORT TOPIC...", file=sys.stderr)
        return 2
    chains = Chains()
    asyncio.run(read(sys.argv[1], sys.argv[2:], chains))
    events = sum(map(len, chains.streams.values()))
    print(f"{events} events of {len(chains.streams)} streams fit; {len(chains.misfits)} records do not.")
    for misfit in chains.misfits:
        print(f"does not fit: {misfit}", file=sys.stderr)
    return 1 if chains.misfits else 0


if __name__ == "__main__":
    sys.exit(main())
