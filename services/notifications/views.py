"""What a person finds in the inbox: own entries only, in the order of what happened."""

from collections.abc import Callable

from shared.consumption.generations import Generations, suffix
from shared.contracts.base import kind_of
from shared.contracts.recruitment import APPLICATION
from shared.store.port import Collection, Store

INBOX = "inbox"
INDEXES = (("recipient", "place"),)


async def collections(store: Store) -> tuple[Collection, Collection]:
    """Entries and guards of the inbox as it is live now (a rebuild fills another one beside it)."""
    live = suffix(await Generations(store).current(INBOX))
    return store[INBOX + live], store[f"{INBOX}_guards{live}"]


def about(citizen: str) -> Callable[[str], bool]:
    """Which streams tell this person something: the own applications."""
    return lambda stream: kind_of(stream) == APPLICATION.name and stream.rpartition(":")[2] == citizen


def silence_id(citizen: str) -> str:
    """The document that shuts an erased person's inbox."""
    return f"silence/{citizen}"


async def is_silent(entries: Collection, citizen: str) -> bool:
    """Whether the person was erased: then nothing is shown any more, whatever may still come."""
    return bool(await entries.get([silence_id(citizen)], fields=("_id",)))
