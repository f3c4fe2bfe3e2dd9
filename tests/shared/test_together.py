"""Jobs that live and die together, also when a cancellation gets lost on the way."""

import asyncio
from contextlib import suppress

import pytest

from shared import together as module
from shared.together import end, together


async def forever() -> None:
    await asyncio.Event().wait()


async def deaf_once() -> None:
    with suppress(asyncio.CancelledError):
        await forever()
    await forever()


async def failing() -> None:
    raise RuntimeError("one of them")


async def test_the_first_failure_ends_all_and_is_told() -> None:
    with pytest.raises(RuntimeError, match="one of them"):
        await together(forever(), failing())


async def test_a_job_that_missed_its_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with pytest.raises(RuntimeError):
        await together(deaf_once(), failing())


async def test_ending_waits_for_the_job_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    task = asyncio.create_task(together(deaf_once(), forever()))
    await asyncio.sleep(0)
    await end([task])
    assert task.cancelled()
