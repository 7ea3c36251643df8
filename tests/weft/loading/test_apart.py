"""Loads that may take long: apart from others, clients take turns, one key fails alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.waiting import soon
from tests.weft.loading.warehouse import Line, Source, outcomes, turns
from weft.errors import RateLimited
from weft.loading.apart import ApartDispatcher
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher
from weft.loading.loader import LoaderSet, loads
from weft.loading.reach import Reach
from weft.loading.snapshot import Snapshot
from weft.rates.address import CLIENT, VIEWER

MOST_WAITING = 4
SLOW = 13
"""A key that takes too long, with others as well as alone."""


class Library:
    """Lines for ordinary loads, and others for loads apart."""

    def __init__(self, lines: int = 1, lines_apart: int = 1) -> None:
        self.opened: list[Line] = []
        self.apart = ApartDispatcher(
            HeldConnections(self._open, lines_apart), most_waiting=MOST_WAITING, timeout_ms=700
        )
        self.dispatcher = Dispatcher(HeldConnections(self._open, lines), apart=self.apart)

    async def _open(self) -> Line:
        self.opened.append(Line())
        return self.opened[-1]

    def ask(
        self,
        source: Source,
        *keys: int,
        by: str = "someone",
        viewer: int | None = None,
        reach: Reach = Reach.TABLE,
    ) -> asyncio.Future[list[int]]:
        """Returns the future of one call of a client."""
        address, viewer_before = CLIENT.set(by), VIEWER.set(viewer)
        try:
            return self.dispatcher.submit_apart(source.fetch, keys, reach)
        finally:
            CLIENT.reset(address)
            VIEWER.reset(viewer_before)


class SlowSource(Source):
    """A source that fails with `failure` for batches that have the key `SLOW`."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.cause = failure

    async def fetch(self, line: Line, keys: Sequence[int]) -> list[int]:
        answer = await super().fetch(line, keys)
        if SLOW in keys:
            raise self.cause
        return answer


class TestApart:
    async def test_load_apart_holds_no_connection_of_ordinary_loads(self):
        library, search, read = Library(), Source(open=False), Source()
        searches = [library.ask(search, key, by=f"{key}") for key in range(20)]
        await soon(search.begun.wait())
        assert await soon(library.dispatcher.submit(read.fetch, [1, 2])) == [10, 20]
        assert len(search.batches) == 1
        search.gate.set()
        assert await outcomes(searches) == [[10 * key] for key in range(20)]

    async def test_each_key_of_a_table_has_a_statement_of_its_own(self):
        library, source = Library(), Source()
        calls = [library.ask(source, 1, 2, 1), library.ask(source, 3)]
        assert await outcomes(calls) == [[10, 20, 10], [30]]
        assert source.batches == [[1], [2], [3]]

    async def test_all_parents_of_one_call_share_a_statement(self):
        library, source = Library(), Source()
        calls = [library.ask(source, *keys, reach=Reach.PARENT) for keys in ((1, 2), (3,))]
        assert await outcomes(calls) == [[10, 20], [30]]
        assert source.batches == [[1, 2], [3]]

    async def test_equal_keys_of_several_clients_are_loaded_once(self):
        library, source = Library(), Source(open=False)
        begun = library.ask(source, 0)
        await soon(source.begun.wait())
        calls = [library.ask(source, 1, by=name) for name in ("a", "b", "b")]
        # A running job is not joined: a later request may follow a later commit.
        calls.append(library.ask(source, 0))
        source.gate.set()
        assert await outcomes([begun, *calls]) == [[0], [10], [10], [10], [0]]
        assert source.batches == [[0], [1], [0]]

    @pytest.mark.parametrize("reach", Reach)
    async def test_loader_loads_apart_by_the_reach_that_it_declares(self, reach: Reach):
        async def tens(line: Line, keys: Sequence[int]) -> list[int]:
            lines.append(line)
            return [10 * key for key in keys]

        class Declared(LoaderSet):
            always = loads(tens, reach=reach)
            by_key = loads(tens, reach=lambda key: reach if key == 7 else Reach.PAGE)

        library, lines = Library(), list[Line]()
        await soon(library.dispatcher.submit(tens, [0]))
        assert await soon(Declared(library.dispatcher).always.load(7)) == 70
        assert await soon(Declared(library.dispatcher).by_key.load_many([1, 7])) == [10, 70]
        assert await soon(Declared(library.dispatcher).by_key.load(1)) == 10
        ordinary = [line is lines[0] for line in lines]
        assert ordinary == [True, *([reach is Reach.PAGE] * (len(lines) - 2)), True]


class TestTurns:
    async def test_addresses_take_turns_and_so_do_viewers_of_one_address(self):
        library, source = Library(), Source(open=False)
        calls = [library.ask(source, 0)]
        await soon(source.begun.wait())
        for by, viewer, keys in (
            ("a", None, (1, 2, 3, 4)),
            ("b", 7, (11, 12)),
            ("b", 8, (21, 22)),
            ("c", None, (31,)),
        ):
            calls += [library.ask(source, key, by=by, viewer=viewer) for key in keys]
        source.gate.set()
        await outcomes(calls)
        order = [key for (key,) in source.batches]
        assert order == [0, 1, 11, 31, 2, 21, 3, 12, 4, 22]

    async def test_flood_of_one_client_delays_another_by_one_statement(self):
        library, source = Library(), Source(open=False)
        calls = [library.ask(source, *range(100), by="flood")]
        await soon(source.begun.wait())
        calls.append(library.ask(source, 1000, by="other"))
        source.gate.set()
        await outcomes(calls)
        assert source.batches.index([1000]) <= 2

    async def test_job_that_two_clients_share_runs_at_the_earlier_turn(self):
        library, source = Library(), Source(open=False)
        calls = [library.ask(source, 0)]
        await soon(source.begun.wait())
        calls += [library.ask(source, key, by="flood") for key in (1, 2, 3, 4)]
        calls += [library.ask(source, 4, by="other")]
        source.gate.set()
        await outcomes(calls)
        assert source.batches == [[0], [1], [4], [2], [3]]


class TestBound:
    async def test_limit_of_waiting_jobs_is_counted_by_client(self):
        library, source = Library(), Source(open=False)
        running = library.ask(source, 0, by="a")
        await soon(source.begun.wait())
        of_a = [library.ask(source, key, by="a") for key in range(1, MOST_WAITING + 3)]
        of_b = [library.ask(source, key, by="b") for key in range(1, MOST_WAITING + 1)]
        of_viewer = library.ask(source, 50, by="a", viewer=1)
        await turns(2)
        assert [call.done() for call in of_a] == [False] * MOST_WAITING + [True] * 2
        refused = await outcomes(of_a[MOST_WAITING:])
        assert [type(error) for error in refused] == [RateLimited] * 2
        assert refused[0].extensions == {"code": "TOO_MANY_REQUESTS", "retryAfterSeconds": 1}
        source.gate.set()
        answers = await outcomes([running, *of_a[:MOST_WAITING], *of_b, of_viewer])
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert await soon(library.ask(source, 9, by="a")) == [90]

    async def test_cancelled_jobs_do_not_count_towards_the_limit(self):
        library, source = Library(), Source(open=False)
        running = library.ask(source, 0)
        await soon(source.begun.wait())
        for call in [library.ask(source, key) for key in range(1, MOST_WAITING + 1)]:
            call.cancel()
        await turns(2)
        again = [library.ask(source, key) for key in range(11, 11 + MOST_WAITING)]
        source.gate.set()
        await outcomes([running, *again])
        assert source.batches == [[0], [11], [12], [13], [14]]


class TestCancelling:
    async def test_cancelling_the_only_call_ends_its_statement(self):
        library, source = Library(), Source(open=False)
        call = library.ask(source, 1)
        await soon(source.begun.wait())
        other = Source()
        call.cancel()
        assert await soon(library.ask(other, 2)) == [20]  # on the only line there is
        assert len(library.opened) == 1

    async def test_cancelling_one_call_does_not_affect_the_others(self):
        library, source = Library(), Source(open=False)
        running = [library.ask(source, 1) for _ in range(2)]
        await soon(source.begun.wait())
        waiting = [library.ask(source, 2, by=name) for name in ("a", "b")]
        running[0].cancel()
        waiting[0].cancel()
        await turns(3)
        source.gate.set()
        assert await outcomes([running[1], waiting[1]]) == [[10], [20]]
        assert source.batches == [[1], [2]]


class TestNote:
    async def test_note_gets_the_snapshot_of_each_statement(self):
        snapshots, noted = [Snapshot(7, "a"), Snapshot(5, "a")], list[Snapshot]()
        taken = iter(snapshots)

        async def open_line() -> Line:
            return Line()

        apart: Any = ApartDispatcher(
            HeldConnections(open_line, 1), lambda _: next(taken), most_waiting=9, timeout_ms=1
        )
        assert await soon(apart.submit(Source().fetch, [1, 2], Reach.TABLE, noted.append))
        assert noted == snapshots
