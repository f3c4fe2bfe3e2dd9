"""One stream's records against its guard: the table of docs/architecture.md. It does no I/O of its own."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from shared.broker.port import Incoming
from shared.contracts.cloudevents import Record
from shared.refusals import Unavailable
from shared.store.port import StoreAway

NO_MATCH = "history does not match"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the stream's next; `parked` is its document's id and `tries` what was tried before.

    `cluster` is where it was read: a parked one may be settled when another cluster has taken that one's place.
    """

    raw: Incoming
    record: Record
    cluster: str
    parked: str | None = None
    tries: int = 0


@dataclass(slots=True)
class Guard:
    """The last version and hash a consumer applied on a stream."""

    version: int = 0
    hash: str = ""


@dataclass(slots=True)
class Settled:
    """What came of a stream's records."""

    guard: Guard
    dead: list[tuple[Candidate, str]] = field(default_factory=list)
    waits: list[tuple[Candidate, str]] = field(default_factory=list)  # to be parked: candidate and why
    failed: tuple[Candidate, str] | None = None  # its function failed: parked with a due time
    done: list[str] = field(default_factory=list)  # parked documents that are applied, dropped or dead now
    counts: Counter[str] = field(default_factory=Counter)


async def settle_stream(
    guard: Guard, candidates: Sequence[Candidate], apply: Callable[[Record], Awaitable[bool]]
) -> Settled:
    """Apply what fits, in order, and sort the rest.

    `apply` returns False for a type nobody handles, raises ValidationError when the data breaks the contract, and
    anything else when it fails. Of several candidates for a version the one that fits wins (C4).
    """
    settled = Settled(Guard(guard.version, guard.hash))
    by_version: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        by_version.setdefault(candidate.record.version, []).append(candidate)
    for version in sorted(by_version):
        rivals = by_version[version]
        applied = None
        if version == settled.guard.version + 1 and settled.failed is None:
            applied = await _advance(settled, rivals, apply)
        for candidate in rivals:
            if candidate is not applied or candidate.parked is not None:
                _sort(settled, candidate)
    return settled


async def _advance(
    settled: Settled, rivals: list[Candidate], apply: Callable[[Record], Awaitable[bool]]
) -> Candidate | None:
    """Apply the first of the rivals that fits; which one it was, or None."""
    for candidate in rivals:
        record = candidate.record
        if record.prev != settled.guard.hash:
            continue
        try:
            handled = await apply(record)
        except ValidationError as error:
            _bury(settled, candidate, f"the data breaks the contract: {error.error_count()} faults in {record.type}")
            continue
        except StoreAway:
            raise  # ours to wait for, not the record's fault
        except Unavailable as away:  # said by our own log, to a deciding consumer
            raise StoreAway(str(away)) from away
        except Exception as error:
            settled.failed = (candidate, f"failed: {type(error).__name__}: {error}")
        else:
            settled.guard = Guard(record.version, record.hash)
            settled.counts["applied" if handled else "passed_over"] += 1
            return candidate
        return None
    return None


def _sort(settled: Settled, candidate: Candidate) -> None:
    """What the candidate is now that the guard stands where it does."""
    version, guard = candidate.record.version, settled.guard
    if any(candidate is dead for dead, _ in settled.dead) or (settled.failed and settled.failed[0] is candidate):
        return
    if version > guard.version + 1 or (version == guard.version + 1 and settled.failed):
        if candidate.parked is None:
            settled.waits.append((candidate, "waits for an earlier version"))
    elif version == guard.version + 1 or (version == guard.version and candidate.record.hash != guard.hash):
        _bury(settled, candidate, NO_MATCH)
    else:
        if candidate.parked is None:
            settled.counts["duplicates"] += 1
        else:
            settled.done.append(candidate.parked)


def _bury(settled: Settled, candidate: Candidate, reason: str) -> None:
    settled.dead.append((candidate, reason))
    if candidate.parked is not None:
        settled.done.append(candidate.parked)
