"""Which collections a view lives in: a rebuild fills the next generation beside it and then switches."""

from shared.store.port import Collection, Store


class Generations:
    """`{_id: view, generation: n}` in `generations`; the first generation has no document and no suffix."""

    def __init__(self, store: Store) -> None:
        self._generations: Collection = store["generations"]

    async def current(self, view: str) -> int:
        """Raises StoreAway."""
        found = await self._generations.get([view])
        return int(found[view]["generation"]) if view in found else 1

    async def switch(self, view: str, generation: int) -> None:
        await self._generations.update({"_id": view}, {"$set": {"generation": generation}}, upsert=True)


def suffix(generation: int) -> str:
    """What ends the collection's name."""
    return "" if generation == 1 else f".g{generation}"
