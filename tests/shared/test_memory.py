"""What a stream remembers of its commands (protocol.md D2)."""

from datetime import UTC, datetime, timedelta

from shared.eventlog.memory import KEEP, Memory
from shared.moments import text

START = datetime(2026, 2, 9, tzinfo=UTC)


def filled(count: int, apart: timedelta = timedelta(seconds=1)) -> Memory:
    memory = Memory()
    for number in range(count):
        memory.remember(f"c{number}", f"h{number}", number + 1, text(START + number * apart))
    return memory


def test_a_command_is_recalled_with_its_version_and_body() -> None:
    known = filled(3).recall("c1")
    assert known is not None
    assert known.last == 2
    assert filled(3).same_body(known, "h1")
    assert not filled(3).same_body(known, "h2")


def test_what_is_packed_is_what_is_unpacked() -> None:
    memory = filled(50)
    assert Memory.unpack(memory.pack()).pack() == memory.pack()


def test_only_the_last_thousand_and_the_first_are_kept() -> None:
    memory = filled(KEEP + 10)
    assert memory.recall("c0") is not None
    assert memory.recall("c1") is None
    assert memory.recall(f"c{KEEP + 9}") is not None
    assert len(memory.pack()) == 32 * KEEP


def test_what_is_older_than_seven_days_is_let_go_by_the_commits_own_time() -> None:
    memory = filled(10, apart=timedelta(days=1))
    assert memory.recall("c0") is not None
    assert memory.recall("c1") is None
    assert memory.recall("c2") is not None


def test_a_memory_restored_in_the_middle_forgets_alike() -> None:
    restored = Memory.unpack(filled(KEEP - 5).pack())
    whole = filled(KEEP - 5)
    for memory in (restored, whole):
        for number in range(KEEP - 5, KEEP + 20):
            memory.remember(f"c{number}", f"h{number}", number + 1, text(START + timedelta(seconds=number)))
    assert restored.pack() == whole.pack()
