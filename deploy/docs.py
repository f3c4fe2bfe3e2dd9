"""`make docs`: writes again what is generated from the code: JSON Schemas, the table of events, `.env.example`.

`--check` writes nothing and says what is not fresh: part of `make check`.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.local.services import SERVICES
from shared.consumption.consumer import Consumer
from shared.contracts import schema
from shared.contracts.base import Event, StreamKind
from shared.contracts.catalogue import published
from shared.settings import load_settings

ROOT = Path(__file__).parents[1]
HISTORY = ROOT / "tests" / "contracts" / "schemas_history"
PAGE = ROOT / "docs" / "architecture.md"
ENV_EXAMPLE = ROOT / ".env.example"
BEGIN, END = "<!-- events: written by `make docs` -->", "<!-- end of events -->"
ABOUT_ENV = """\
# Every setting of Hamkke with its default. Copy to .env and change what you need; `hamkke settings` shows the result.
#
# `hamkke up` and `hamkke demo` decide by their options (--port, --store, --kafka) what the services they start get as
# HAMKKE_PROFILE, HAMKKE_HOST, HAMKKE_PORTS, HAMKKE_STORE_URI, HAMKKE_BROKER, HAMKKE_PARTITIONS,
# HAMKKE_IDEMPOTENT_PRODUCER and HAMKKE_FETCH_WAIT_MS: set here, these are for services started in another way.
# Where nothing is up here, HAMKKE_STORE_URI and HAMKKE_BROKER also say what `hamkke events`, `dead`, `views` look at."""


def event_table() -> str:
    """Every published event: who publishes it, on which topic, for whom, who listens, and what for (the listener's name)."""
    rows = ["| event | publisher | topic | audience | who listens | what for |", "|---|---|---|---|---|---|"]
    consumers = list(_consumers())
    for kind in published():
        rows += [_row(kind, model, consumers) for model in kind.events]
    return "\n".join(rows)


def _row(kind: StreamKind, model: type[Event], consumers: list[tuple[str, Consumer]]) -> str:
    listeners = [
        (f"{service}, `{consumer.name}`", consumer.handlers[model.TYPE][1].__name__.replace("_", " "))
        for service, consumer in consumers
        if model.TYPE in consumer.handlers
    ]
    who, why = ("; ".join(words) for words in zip(*listeners, strict=True)) if listeners else ("-", "-")
    return f"| {model.__name__} | {kind.service} | `{kind.topic}` | {kind.audience.value} | {who} | {why} |"


def _consumers() -> Iterator[tuple[str, Consumer]]:
    for service in SERVICES:
        if (ROOT / "services" / service / "consumers.py").exists():
            module = importlib.import_module(f"services.{service}.consumers")
            yield from ((service, value) for value in vars(module).values() if isinstance(value, Consumer))


def with_table(page: str) -> str:
    """The page with today's table between its markers; unchanged where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{event_table()}\n{END}{after}" if begin and end else page


def env_example() -> str:
    """`.env.example`: every setting, commented out, with its default and what it means."""
    rows = load_settings({}).describe()
    return "\n".join([ABOUT_ENV, *(f"\n# {row.description}\n#{row.variable}={row.default}" for row in rows)]) + "\n"


def generated() -> dict[Path, str]:
    """The generated text files and what they should hold today; the schemas have a writer of their own."""
    found = {ENV_EXAMPLE: env_example()}
    if PAGE.exists():
        found[PAGE] = with_table(PAGE.read_text())
    return found


def stale() -> list[str]:
    """What is not fresh, by name."""
    files = [
        str(file.relative_to(ROOT))
        for file, text in generated().items()
        if not file.exists() or file.read_text() != text
    ]
    return [*files, *(f"schema of {name}" for name in schema.stale())]


def write() -> list[str]:
    """Write all of it again; what changed, by name."""
    changed = stale()
    schema.write(schema.FOLDER, HISTORY)
    for file, text in generated().items():
        file.write_text(text)
    return changed


def main() -> int:
    """Write, or with `--check` only look; 1 when something is not fresh."""
    if "--check" in sys.argv[1:]:
        found = stale()
        sys.stderr.write("".join(f"docs: {name} is not fresh; `make docs` writes it\n" for name in found))
        return 1 if found else 0
    sys.stdout.write("\n".join(write() or ["all of it was fresh"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
