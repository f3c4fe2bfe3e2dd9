"""`make docs`: writes again what is generated from the code: JSON Schemas with their history, and the table of events."""

import importlib
import sys
from pathlib import Path

from deploy.local.services import SERVICES
from shared.consumption.consumer import Consumer
from shared.contracts import schema
from shared.contracts.base import Event, StreamKind
from shared.contracts.catalogue import published

ROOT = Path(__file__).parents[1]
HISTORY = ROOT / "tests" / "contracts" / "schemas_history"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- events: written by `make docs` -->", "<!-- end of events -->"


def event_table() -> str:
    """Every published event: who publishes it, who listens, and what for (the listener's name)."""
    rows = ["| event | publisher | audience | who listens, and what for |", "|---|---|---|---|"]
    consumers = _consumers()
    for kind in published():
        rows += [_row(kind, model, consumers) for model in kind.events]
    return "\n".join(rows)


def _row(kind: StreamKind, model: type[Event], consumers: list[tuple[str, Consumer]]) -> str:
    listeners = [
        f"{service}: {consumer.handlers[model.TYPE][1].__name__.replace('_', ' ')}"
        for service, consumer in consumers
        if model.TYPE in consumer.handlers
    ]
    return f"| {model.__name__} | {kind.service} | {kind.audience.value} | {'; '.join(listeners) or '-'} |"


def _consumers() -> list[tuple[str, Consumer]]:
    found = []
    for service in SERVICES:
        if (ROOT / "services" / service / "consumers.py").exists():
            module = importlib.import_module(f"services.{service}.consumers")
            found += [(service, value) for value in vars(module).values() if isinstance(value, Consumer)]
    return found


def with_table(page: str) -> str:
    """The page with today's table between its markers; unchanged where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{event_table()}\n{END}{after}" if begin and end else page


def main() -> None:
    """Write all of it, and say what changed."""
    changed = [f"schema of {name}" for name in schema.write(schema.FOLDER, HISTORY)]
    if PAGE.exists() and (page := PAGE.read_text()) != (fresh := with_table(page)):
        PAGE.write_text(fresh)
        changed.append(f"{PAGE.relative_to(ROOT)}: the table of events")
    sys.stdout.write("\n".join(changed or ["all of it was fresh"]) + "\n")


if __name__ == "__main__":
    main()
