"""A cancellation ends the work, even if a library loses it."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.waiting import soon
from weft.cancellation import cancellable
from weft.changes.outage import Outage
from weft.shutdown import Shutdown


class Deaf:
    """Work that loses `loses` cancellations and then ends."""

    def __init__(self, loses: float) -> None:
        self.loses = loses
        self.ended = False

    async def run(self) -> None:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.loses -= 1
                    if self.loses < 0:
                        raise
        finally:
            self.ended = True


async def started(work: Awaitable[Any]) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


class TestCancellable:
    async def test_result_and_error_are_those_of_the_work(self) -> None:
        async def fails() -> None:
            raise LookupError

        assert await cancellable(asyncio.sleep(0, "result")) == "result"
        with pytest.raises(LookupError):
            await cancellable(fails())

    @pytest.mark.parametrize("loses", [0, 1, 3])
    async def test_work_is_cancelled_until_it_has_ended(self, loses: int) -> None:
        work = Deaf(loses)
        task = await started(cancellable(work.run()))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert work.ended

    @pytest.mark.parametrize("times", [2, 5])
    async def test_caller_that_is_cancelled_again_waits_for_the_end_of_the_work(
        self, times: int
    ) -> None:
        work = Deaf(1)
        task = await started(cancellable(cancellable(work.run())))
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert task.cancelled()
        assert work.ended

    async def test_caller_is_cancelled_even_if_the_work_raises_another_error(self) -> None:
        async def fails() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError from None

        task = await started(cancellable(fails()))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async def test_caller_is_cancelled_even_if_the_work_is_done_just_then(self) -> None:
        done = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await asyncio.wait_for(done, 60)

        task = await started(cancellable(wait()))
        done.set_result(None)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async def test_time_limit_around_it_holds(self) -> None:
        work = Deaf(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await cancellable(work.run())
        assert work.ended


class TestAttempt:
    async def test_failure_is_recorded_and_suppressed(self) -> None:
        outage = Outage("redis", "test")
        async with outage.attempt():
            raise ConnectionError
        assert outage.lasts
        async with outage.attempt():
            pass
        assert not outage.lasts

    async def test_errors_that_are_answers_propagate(self) -> None:
        outage = Outage("redis", "test")
        with pytest.raises(KeyError):
            async with outage.attempt(KeyError):
                raise KeyError
        assert not outage.lasts

    @pytest.mark.parametrize("becomes", [None, ConnectionError])
    async def test_lost_cancellation_is_raised(self, becomes: type[Exception] | None) -> None:
        async def attempt() -> None:
            async with Outage("redis", "test").attempt():
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if becomes is not None:
                        raise becomes from None

        task = await started(attempt())
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


class TestShutdown:
    async def test_shutdown_ends_tasks(self) -> None:
        work = Deaf(0)
        shutdown = Shutdown(60)
        await shutdown.cancel([await started(work.run())])
        assert work.ended
        assert shutdown.unfinished == []

    async def test_shutdown_names_parts_that_do_not_end_and_continues(self) -> None:
        deaf = asyncio.create_task(Deaf(1).run(), name="Deaf")
        await asyncio.sleep(0)
        shutdown = Shutdown(0.05)
        closed = asyncio.Event()

        async def close() -> None:
            closed.set()

        with capture_logs() as logs:
            await soon(shutdown.cancel([deaf]))
            await soon(shutdown.close("Stuck", Deaf(0).run()))
            await soon(shutdown.close("Next", close()))
        assert shutdown.unfinished[:2] == ["Deaf", "Stuck"]
        assert [log["part"] for log in logs][:2] == ["Deaf", "Stuck"]
        deaf.cancel()
        await asyncio.wait([deaf])

    async def test_shutdown_logs_parts_that_failed(self) -> None:
        async def fails() -> None:
            raise ValueError

        with capture_logs() as logs:
            shutdown = Shutdown(60)
            await shutdown.cancel([await started(fails())])
            await shutdown.close("Failing", fails())
        assert [log["event"] for log in logs] == ["shutdown_failed"] * 2
        assert shutdown.unfinished == []
