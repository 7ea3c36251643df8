"""Whole answers: which are kept, and how long."""

import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from settings import Settings
from tests.client import Api
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache.answers import Answers, Taken
from weft.cache.entry import Entry
from weft.execution.engine import Engine
from weft.execution.operation import Operation
from weft.execution.run import Run

ONE, TWO = b"1", b"2"
DATA = b'{"a":1}'


def entry(value: object, counted_in: bytes | None = ONE, expires_at: float = 100) -> Entry:
    made = Entry("name", b"v", (b"f",))
    made.keep(value, b"7", expires_at)
    made.counted_in = counted_in
    return made


def taken(*entries: Entry) -> Sequence[Taken]:
    return [Taken("Counter.writes", entries, [entry.value for entry in entries])]


ALL_RELAYED = "SELECT NOT EXISTS (SELECT FROM changes WHERE position IS NULL)"


class TestAnswers:
    def test_answers_are_found_in_their_version_only(self) -> None:
        answers = Answers(lambda: 0)
        answers.keep("key", ONE, taken(entry("a"), entry("b")), DATA)
        found = answers.find("key", ONE)
        assert found is not None
        assert found.data == msgspec.Raw(DATA)
        assert found.hits == [("Counter.writes", 2)]
        assert answers.find("key", TWO) is None
        assert answers.find("key", None) is None
        assert answers.find("other", ONE) is None

    @pytest.mark.parametrize("version", [None, TWO])
    def test_answers_are_not_kept_in_another_version_than_that_of_their_values(
        self, version: bytes | None
    ) -> None:
        answers = Answers(lambda: 0)
        answers.keep("key", version, taken(entry("a"), entry("b")), DATA)
        assert answers.find("key", version) is None

    def test_answers_are_not_kept_if_a_value_was_replaced(self) -> None:
        answers, changed = Answers(lambda: 0), entry(["old"])
        before = taken(entry("a"), changed)
        changed.keep(["new"], b"8", 100)
        changed.counted_in = ONE
        answers.keep("key", ONE, before, DATA)
        assert answers.find("key", ONE) is None

    def test_answers_expire_with_the_first_of_their_values(self) -> None:
        now = 0.0
        answers = Answers(lambda: now)
        answers.keep("key", ONE, taken(entry("a", expires_at=9), entry("b", expires_at=5)), DATA)
        now = 4.9
        assert answers.find("key", ONE) is not None
        now = 5
        assert answers.find("key", ONE) is None

    def test_answers_of_an_older_version_are_evicted(self) -> None:
        answers = Answers(lambda: 0)
        answers.keep("key", ONE, taken(entry("a")), DATA)
        answers.keep("other", TWO, taken(entry("a", TWO)), DATA)
        assert answers.find("key", ONE) is None
        assert answers.find("other", TWO) is not None

    def test_answers_take_no_more_than_their_bytes(self) -> None:
        answers = Answers(lambda: 0, max_bytes := 20_000)
        for key in range(99):
            answers.keep(key, ONE, taken(entry("a")), DATA)
            assert answers.find(key, ONE) is not None
            assert answers.weight_bytes <= max_bytes
        assert 10 < sum(answers.find(key, ONE) is not None for key in range(99)) < 30


class TestOperations:
    @pytest.fixture
    def settings(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
        return with_cache(settings, monkeypatch)

    async def test_uncached_field_is_loaded_for_every_response(self, api: Api) -> None:
        """Owners of items are not a cached field, so the answer is never kept whole."""
        owner = await api.user("Ada")
        await api.item(owner)
        text = "{ users { nodes { itemCount items { nodes { title owner { name } } } } } }"

        async def asks_for_owners_alone() -> bool:
            api.statements.clear()
            (user,) = (await api.data(text))["users"]["nodes"]
            assert user["itemCount"] in (0, 1)
            return user["itemCount"] == 1 == len(user["items"]["nodes"]) == len(api.statements)

        # From then on no fence is raised.
        await until(lambda: api.connection.fetchval(ALL_RELAYED))
        await until(asks_for_owners_alone)
        for _ in range(5):
            assert await asks_for_owners_alone()

    async def test_repeated_operation_is_not_executed_until_the_next_write(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await api.user("Ada")
        text = "{ users { nodes { name itemCount } } }"
        run, runs = Run.run, list[Run]()

        def counted(self: Run, *arguments: Any) -> Any:
            runs.append(self)
            return run(self, *arguments)

        monkeypatch.setattr(Run, "run", counted)

        async def is_kept() -> bool:
            runs.clear()
            assert (await api.data(text))["users"]["nodes"] in (
                [],
                [{"name": "Ada", "itemCount": 0}],
            )
            return not runs

        await until(is_kept)
        await api.user("Bob")

        async def knows_both() -> bool:
            return len((await api.data(text))["users"]["nodes"]) == 2

        await until(knows_both)

    async def test_kept_answers_hold_no_reference_to_their_operations(self, api: Api) -> None:
        """An answer outlives its compiled operation."""
        await api.user("Ada")
        text = "{ users { nodes { name itemCount } } }"

        def operations() -> int:
            gc.collect()
            return sum(isinstance(one, Operation) for one in gc.get_objects())

        before = operations()
        for number in range(30):
            assert await api.data(f"{text} # {number}")
        for engine in [one for one in gc.get_objects() if isinstance(one, Engine)]:
            engine._operations.clear()  # pyright: ignore[reportPrivateUsage]
        assert operations() <= before + 2

    async def test_kept_answers_leave_no_run_behind_and_report_their_cost(self, api: Api) -> None:
        for name in ("Ada", "Bob"):
            await api.user(name)
        text = "query ($n: Int) { users(first: $n) { nodes { name itemCount } } }"
        known = [{"name": "Ada", "itemCount": 0}, {"name": "Bob", "itemCount": 0}]

        async def are_known() -> bool:
            return (await api.data(text, {"n": 2}))["users"]["nodes"] == known

        await until(are_known)
        for _ in range(20):
            await api.data(text, {"n": 2})
        gc.collect()
        gc.disable()
        try:
            before = _runs()  # those of other tests, which their errors keep alive
            await api.data(text, {"n": 2})
            assert len(_runs()) == len(before)
        finally:
            gc.enable()
        for _ in range(20):
            for count in (1, 2):
                answer = await api.answer(text, {"n": count})
                assert answer["data"] == {"users": {"nodes": known[:count]}}
                assert answer["extensions"]["cost"] > 0


def _runs() -> list[Run]:
    return [made for made in gc.get_objects() if isinstance(made, Run)]
