"""One published record per event, chained as the log chains them.

`python -m tests.contracts.records` writes an example for each event that has none yet; the others stay as they are.
"""

import hashlib
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from services.recruitment.domain import applications, calls
from services.recruitment.domain.applications import Application
from services.recruitment.domain.calls import Call
from shared.broker.port import Incoming, Outgoing
from shared.canonical import canonical
from shared.contracts.base import Event, Private, StreamKind
from shared.contracts.cloudevents import attributes_of, chain_hash, records_of
from shared.contracts.recruitment import APPLICATION, CALL, Erased
from tests.recruitment.builders import BEFORE, CITIZEN, CLOSES, DAY, DURING, PLAN, REASON, fold

EXAMPLES = Path(__file__).parent / "examples"
PLANNED = PLAN.model_dump(mode="json")
OFFICER = "0f" * 16


def history(kind: StreamKind, stream: str, actor: str, events: Iterable[Event]) -> list[Outgoing]:
    """The records of a stream that holds these events, one commit each."""
    prev, records = "", list[Outgoing]()
    for version, event in enumerate(events, start=1):
        commit: dict[str, Any] = {
            "stream": stream, "first": version, "last": version, "prev": prev, "actor": actor,
            "time": f"2026-02-0{version}T09:00:00.000Z", "at": f"2026-02-0{version}T09:00:00.004Z",
            "trace": f"00-{'ab' * 16}-{'cd' * 8}-01", "correlation": "conversation-1",
        }  # fmt: skip
        data = event.data()
        prev = chain_hash(prev, attributes_of(kind, commit, version, event.TYPE, data), canonical(data))
        commit["events"] = [{"type": event.TYPE, "data": data, "hash": prev}]
        records += records_of(kind, commit)
    return records


def of_a_call() -> list[Outgoing]:
    """Drafted, published, opened, closed early, extended."""
    seal = _sealer("call")
    title, question = {"ko": "온새미길 시민참여단 모집", "en": None}, {"ko": "무엇을 바꿔야 할까요?", "en": None}
    events = calls.draft(None, "c1", "PRJ-2026-001", seal(title), seal(question), seal(PLANNED))
    for rule in (
        lambda c: calls.publish(c, BEFORE),
        lambda c: calls.open_call(c, DURING),
        lambda c: calls.close(c, REASON, DURING),
        lambda c: calls.extend(c, CLOSES + DAY, None, REASON, DURING),
    ):
        events += rule(fold(calls.evolve, events))
    return history(CALL, CALL.stream("c1"), OFFICER, events)


def of_an_application() -> list[Outgoing]:
    """Submitted, withdrawn, erased."""
    seal = _sealer("application")
    call = _open_call()
    sealed = seal({"sex": "female"}), seal({"motive": "밤길이 어둡습니다."})
    events = applications.submit(None, call, CITIZEN, *sealed, DURING)
    application: Application | None = fold(applications.evolve, events)
    events += applications.withdraw(application, call, DURING)
    return history(APPLICATION, APPLICATION.stream("c1", CITIZEN), CITIZEN, [*events, Erased()])


def all_records() -> list[Outgoing]:
    return of_a_call() + of_an_application()


def incoming(record: Outgoing, offset: int = 0) -> Incoming:
    """The record as a consumer reads it."""
    return Incoming(record.topic, 0, offset, record.key, record.value, record.headers)


def as_example(record: Outgoing) -> dict[str, Any]:
    """A record as its example file shows it."""
    return {
        "topic": record.topic,
        "key": record.key.decode(),
        "headers": {name: value.decode() for name, value in record.headers},
        "value": orjson.loads(record.value),
    }


def of_example(example: dict[str, Any]) -> Incoming:
    """The raw record of an example file."""
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    return Incoming(example["topic"], 0, 0, example["key"].encode(), canonical(example["value"]), headers)


def write_missing() -> None:
    EXAMPLES.mkdir(exist_ok=True)
    for record in all_records():
        example = as_example(record)
        file = EXAMPLES / f"{example['headers']['ce_type']}.json"
        if not file.exists():
            file.write_bytes(orjson.dumps(example, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _open_call() -> Call:
    seal = _sealer("call")
    title, question = seal({"ko": "온새미길 시민참여단 모집"}), seal({"ko": "무엇을 바꿔야 할까요?"})
    call = fold(calls.evolve, calls.draft(None, "c1", "PRJ-2026-001", title, question, seal(PLANNED)))
    call = fold(calls.evolve, calls.publish(call, BEFORE), call)
    call = fold(calls.evolve, calls.open_call(call, DURING), call)
    assert call is not None
    return call


def _sealer(name: str) -> Any:
    """Seals with salts that are the same on every run."""
    numbers = count()
    return lambda value: Private.seal(value, lambda n: hashlib.sha256(f"{name}{next(numbers)}".encode()).digest()[:n])


if __name__ == "__main__":
    write_missing()
