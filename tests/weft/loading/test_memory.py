import tracemalloc
from datetime import UTC, datetime

import msgspec
import pytest

from weft.declare.remembered import Remembered
from weft.execution.rendering import MAX_TEXTS
from weft.loading.memory import GENERATION_SECONDS, VERSION_BYTES, Memory


class Row(msgspec.Struct, frozen=True):
    id: int
    owner_id: int
    title: str
    description: str | None
    status: str
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class RowWithTexts(Row, Remembered, frozen=True, dict=True):
    """A row with as many kept texts as it has room for."""

    def __post_init__(self) -> None:
        for number in range(MAX_TEXTS + 1):
            vars(self)[NAMES[number]] = bytes(self.room_bytes // MAX_TEXTS if number else 0)


NAMES = [f"text:{number}" for number in range(MAX_TEXTS + 1)]


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def row(number: int, text: str = "text", kind: type[Row] = Row) -> Row:
    now = datetime.fromtimestamp(number, UTC)
    later = datetime.fromtimestamp(number + 1, UTC)
    tags = [f"{text} {number} {place}" for place in range(3)]
    return kind(
        number + 1000, number + 2000, f"{text} {number}", text * 3, "new", tags, 1, now, later
    )


def version(number: int) -> bytes:
    return number.to_bytes(VERSION_BYTES)


def warm(memory: Memory) -> None:
    for _ in range(10):
        memory.learn("source", 1, 1)


class TestMemory:
    def test_rows_are_given_only_if_all_are_known(self) -> None:
        memory, known = Memory(1_000_000), [row(1), row(2)]
        for number, kept in enumerate(known):
            memory.keep(version(number), kept)
        assert memory.rows(version(1) + version(0)) == known[::-1]
        assert memory.rows(version(1) + version(2)) is None
        assert memory.rows(b"") == []

    def test_answer_is_given_for_its_own_question_and_versions_only(self) -> None:
        memory = Memory(1_000_000)
        for _ in range(2):
            memory.keep_answer("question", version(1), "answer")
        assert memory.answer("question", version(1)) == "answer"
        assert memory.answer("question", version(2)) is None
        assert memory.answer("other", version(1)) is None

    def test_answer_used_repeatedly_survives_those_used_once(self) -> None:
        memory = Memory(1_000_000)
        memory.keep_answer("asked again", version(1), "answer")
        assert memory.answer("asked again", version(1)) == "answer"
        for question in range(3_000):
            memory.keep_answer(question, version(1), "answer")
        assert memory.answer("asked again", version(1)) == "answer"
        assert memory.answer(0, version(1)) is None

    def test_answers_evict_no_row(self) -> None:
        memory = Memory(100_000)
        memory.keep(version(0), row(0))
        for question in range(1000):
            for _ in range(2):
                memory.keep_answer(question, version(0) * 100, "answer")
        assert memory.answer(0, version(0) * 100) is None
        assert memory.answer(999, version(0) * 100) == "answer"
        assert memory.row(version(0)) == row(0)

    @pytest.mark.parametrize("kind", [Row, RowWithTexts])
    def test_rows_take_no_more_than_max_bytes(self, kind: type[Row]) -> None:
        max_bytes = 2_000_000
        tracemalloc.start()
        try:
            memory = Memory(max_bytes)
            before, _ = tracemalloc.get_traced_memory()
            for number in range(20_000):
                memory.keep(version(number), row(number, "some words of a title", kind))
            taken = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert max_bytes / 4 < taken < max_bytes

    def test_evicted_answers_hold_no_rows(self) -> None:
        max_bytes = 2_000_000
        tracemalloc.start()
        try:
            memory = Memory(max_bytes)
            before, _ = tracemalloc.get_traced_memory()
            for first in range(0, 20_000, 10):
                versions = b"".join(map(version, range(first, first + 10)))
                for number in range(first, first + 10):
                    memory.keep(version(number), row(number, "some words of a title"))
                if first < 8_000:
                    for _ in range(2):
                        memory.keep_answer(first, versions, memory.rows(versions))
            taken = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert max_bytes / 4 < taken < 0.75 * max_bytes

    def test_rows_that_were_read_first_are_evicted_first(self) -> None:
        memory = Memory(100_000)
        for number in range(200):
            memory.keep(version(number), row(number))
            assert memory.row(version(number)) == row(number)
        known = [memory.row(version(number)) is not None for number in range(200)]
        assert known == sorted(known)
        assert 20 < sum(known) < 100

    def test_rows_of_both_generations_are_given_together(self) -> None:
        clock = Clock()
        memory = Memory(1_000_000, clock)
        memory.keep(version(0), row(0))
        clock.seconds = 1.5 * GENERATION_SECONDS
        memory.is_warm("source")
        memory.keep(version(1), row(1))
        assert memory.rows(version(0) + version(1)) == [row(0), row(1)]

    def test_old_rows_and_answers_expire_although_no_others_come(self) -> None:
        clock = Clock()
        for seconds, answered, known in (
            (0.5, True, True),
            (1.5, False, True),
            (2.5, False, False),
        ):
            memory = Memory(1_000_000, clock)
            memory.keep(version(0), row(0))
            for _ in range(2):
                memory.keep_answer("question", version(0), "answer")
            clock.seconds += seconds * GENERATION_SECONDS
            memory.is_warm("source")
            assert (memory.answer("question", version(0)) is not None) == answered
            assert (memory.row(version(0)) is not None) == known

    def test_source_is_warm_while_most_of_its_answers_were_known(self) -> None:
        memory = Memory(1_000_000)
        assert not memory.is_warm("source")
        warm(memory)
        assert memory.is_warm("source")
        assert not memory.is_warm("other")
        for _ in range(10):
            memory.learn("source", 0, 1)
        assert not memory.is_warm("source")

    def test_memory_of_no_bytes_keeps_nothing(self) -> None:
        memory = Memory(0)
        memory.keep(version(0), row(0))
        warm(memory)
        assert memory.row(version(0)) is None
        assert not memory.is_warm("source")
