"""How far what was confirmed has come: asked by id and only until it is there, so that looking costs the store little."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from deploy.demo.compare import Told

AT_ONCE = 500  # ids a look
Versions = Callable[[Sequence[str]], Awaitable[dict[str, int]]]
"""Streams -> the version that some place has seen of each. Raises StoreAway."""


class Arrivals:
    """Follows `told`, which others append to. `count`: how many of it have arrived as far as is known."""

    def __init__(self, told: Sequence[Told], versions: Versions) -> None:
        self._told, self._versions = told, versions
        self._taken = 0
        self._waiting: deque[Told] = deque()
        self.count = 0

    async def look(self) -> int:
        """Ask for some of those that are waited for; how many are still not there. Raises StoreAway."""
        self._waiting.extend(self._told[self._taken :])
        self._taken = len(self._told)
        asked = [self._waiting[n] for n in range(min(AT_ONCE, len(self._waiting)))]
        seen = await self._versions([one.stream for one in asked]) if asked else {}
        for one in asked:
            self._waiting.popleft()
            if seen.get(one.stream, 0) >= one.version:
                self.count += 1
            else:
                self._waiting.append(one)
        return len(self._waiting)
