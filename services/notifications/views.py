"""What a person finds in the inbox: own entries only, in the order of what happened."""

from shared.store.port import Doc, Store

INBOX = "inbox"
INDEXES = (("recipient", "place"),)


def silence_id(citizen: str) -> str:
    """The document that shuts an erased person's inbox."""
    return f"silence/{citizen}"


async def entries_of(store: Store, citizen: str, after: str, limit: int) -> list[Doc]:
    """The person's entries behind the place `after`, newest last; none once the person was erased."""
    if await store[INBOX].get([silence_id(citizen)], fields=("_id",)):
        return []
    where: Doc = {"recipient": citizen, "place": {"$gt": after}}
    return await store[INBOX].find(where, sort=[("place", 1)], limit=limit)
