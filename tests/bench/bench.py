"""What a run was asked for, as the rows see it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bench:
    """`store`: py or rs. `quick`: a tenth of everything, to see that it works; such figures mean little."""

    store: str
    quick: bool = False
    step: Callable[[], None] = lambda: None

    @property
    def rounds(self) -> int:
        return 2 if self.quick else 5

    def size(self, whole: int) -> int:
        return max(1, whole // 10) if self.quick else whole

    def name(self, row: str) -> str:
        """The row's name in the report: the store it ran on is part of it."""
        return f"{row}.{self.store}"
