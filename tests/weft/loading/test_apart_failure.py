"""Loads apart, when a statement fails or the dispatcher is closed."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.waiting import soon
from tests.weft.loading.test_apart import SLOW, Library, SlowSource
from tests.weft.loading.warehouse import LOST, Line, Source, outcomes, turns
from weft.errors import BadArgument, TookTooLong, TooMuchToRead, Unavailable
from weft.loading.apart import ApartDispatcher
from weft.loading.connections import HeldConnections
from weft.loading.failure import LoadError
from weft.loading.reach import Reach


class TestFailure:
    async def test_failure_of_one_key_does_not_fail_another_call(self):
        library, source = Library(), SlowSource(TookTooLong("Too long."))
        calls = [library.ask(source, key) for key in (1, SLOW, 2)]
        one, slow, two = await outcomes(calls)
        assert (one, two) == ([10], [20])
        assert isinstance(slow, TooMuchToRead)
        assert slow.extensions == {"code": "SEARCH_TOO_BROAD"}
        assert "700 ms" in slow.message

    async def test_keys_that_fail_together_are_retried_one_by_one_only_once(self):
        class Together(Source):
            async def fetch(self, line: Line, keys: Sequence[int]) -> list[int]:
                answer = await super().fetch(line, keys)
                if len(keys) > 1:
                    raise TookTooLong("Too long.")
                return answer

        library, source = Library(), Together()
        assert await soon(library.ask(source, 1, 2, 3, reach=Reach.PARENT)) == [10, 20, 30]
        assert source.batches == [[1, 2, 3], [1], [2], [3]]

    async def test_failure_of_one_key_ends_its_call(self):
        library, source = Library(), SlowSource(TookTooLong("Too long."))
        call = library.ask(source, 1, SLOW, 2, 3, reach=Reach.PARENT)
        with pytest.raises(TooMuchToRead):
            await soon(call)
        await turns(3)
        assert source.batches == [[1, SLOW, 2, 3], [1], [SLOW]]

    async def test_job_on_a_lost_connection_is_not_retried(self):
        class Lost(Source):
            async def fetch(self, line: Line, keys: Sequence[int]) -> list[int]:
                await super().fetch(line, keys)
                line.is_closed = True
                raise LOST

        library, source = Library(), Lost()
        with pytest.raises(Unavailable):
            await soon(library.ask(source, 1, 2, reach=Reach.PARENT))
        assert source.batches == [[1, 2]]
        assert await soon(library.ask(Source(), 3)) == [30]

    async def test_connection_that_cannot_be_opened_leaves_no_call_waiting(self):
        async def open_none() -> Line:
            raise LOST

        apart = ApartDispatcher(HeldConnections(open_none, 1), most_waiting=9, timeout_ms=1)
        calls = [apart.submit(Source().fetch, [key], Reach.TABLE) for key in (1, 2)]
        answers = await outcomes(calls)
        assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


class TestOrdinaryBatch:
    @pytest.mark.parametrize(
        ("cause", "expected"),
        [
            (TookTooLong("Too long."), TookTooLong),
            (BadArgument("No."), BadArgument),
            (ValueError("odd"), LoadError),
        ],
    )
    async def test_failed_batch_is_retried_call_by_call(
        self, cause: Exception, expected: type[Exception]
    ):
        library, source = Library(), SlowSource(cause)
        keys = [(1, 2), (SLOW,), (3,)]
        calls = [library.dispatcher.submit(source.fetch, of_call) for of_call in keys]
        answers = await outcomes(calls)
        assert (answers[0], answers[2]) == ([10, 20], [30])
        assert type(answers[1]) is expected
        assert source.batches == [[1, 2, SLOW, 3], [1, 2], [SLOW], [3]]

    async def test_batch_of_one_call_is_not_retried(self):
        library, source = Library(), SlowSource(TookTooLong("Too long."))
        with pytest.raises(TookTooLong):
            await soon(library.dispatcher.submit(source.fetch, [1, SLOW]))
        assert source.batches == [[1, SLOW]]

    async def test_batch_on_a_lost_connection_is_not_retried(self):
        library, source = Library(), Source(open=False)
        calls = [library.dispatcher.submit(source.fetch, [key]) for key in (1, 2)]
        await soon(source.begun.wait())
        source.failure, library.opened[0].is_closed = LOST, True
        source.gate.set()
        answers = await outcomes(calls)
        assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
        assert source.batches == [[1, 2]]


class TestClose:
    async def test_close_leaves_no_task_no_connection_and_no_waiting_call(self):
        before = asyncio.all_tasks()
        library, source = Library(), Source(open=False)
        calls = [library.ask(source, key) for key in (1, 2)]
        await soon(source.begun.wait())
        await library.dispatcher.close()
        assert all(isinstance(call.exception(), LoadError) for call in calls)
        await turns(2)
        assert asyncio.all_tasks() == before
        assert [line.is_closed for line in library.opened] == [True]
