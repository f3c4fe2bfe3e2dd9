"""The five records of a round, as gathered when all is quiet: told, log, topics, views and their rebuild, inboxes."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.broker.port import Incoming
from shared.contracts.base import kind_of
from shared.contracts.recruitment import APPLICATION, CALL
from shared.store.port import Doc
from tests.faults.ledger import Asked
from tests.faults.poison import Poison

KINDS = {kind.name: kind for kind in (CALL, APPLICATION)}


class Finding(NamedTuple):
    """Something that must not be. `kind`: lost, doubled, order, wrong, dead, stuck or rebuild."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass(frozen=True)
class Rebuilt:
    """A consumer's view before and after it was built again from the topics."""

    view: str
    live: str
    rebuilt: str
    equal: bool


@dataclass
class Records:
    """All that is compared. `seen`: commit -> Unix time by which it was surely stored."""

    secret: bytes
    told: list[Asked]
    commits: list[Doc]
    seen: dict[str, float]
    topics: dict[str, list[Incoming]]
    cluster: str
    views: dict[str, dict[str, Doc]]
    rebuilt: list[Rebuilt]
    inbox: dict[str, Doc]
    guards: dict[str, Doc]
    shown: dict[str, list[dict[str, Any]]]
    dead: list[Doc]
    parked: list[Doc]
    poison: list[Poison] = field(default_factory=list)
    ended: float = float("inf")

    def log(self) -> dict[str, list[Doc]]:
        """The commits of each stream, in the order of their versions."""
        found: dict[str, list[Doc]] = {}
        for commit in sorted(self.commits, key=lambda commit: commit["first"]):
            found.setdefault(commit["stream"], []).append(commit)
        return found

    def relayed(self) -> dict[str, list[Doc]]:
        return {stream: commits for stream, commits in self.log().items() if KINDS[kind_of(stream)].relayed}
