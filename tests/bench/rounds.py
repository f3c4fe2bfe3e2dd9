"""Baseline and candidate take turns, a burst each, so that whatever else the machine does meets both."""

from collections.abc import Awaitable, Callable

from tests.bench.report import Round, Sample

Burst = Callable[[int], Awaitable[Sample]]
"""Called with the round's number."""


async def alternate(rounds: int, baseline: Burst, candidate: Burst, after: Callable[[], None]) -> list[Round]:
    """Each round one burst of each, who begins changing from round to round. `after` is called behind each round."""
    done: list[Round] = []
    for number in range(rounds):
        if number % 2:
            theirs = await candidate(number)
            done.append(Round(await baseline(number), theirs))
        else:
            ours = await baseline(number)
            done.append(Round(ours, await candidate(number)))
        after()
    return done
