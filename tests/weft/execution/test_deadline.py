import asyncio

import pytest

from weft.execution.deadline import Deadline, Deadlines


def deadline(queue: Deadlines) -> Deadline:
    task = asyncio.current_task()
    assert task is not None
    return Deadline(queue, task)


async def waits(queue: Deadlines) -> str:
    try:
        with deadline(queue):
            await asyncio.Event().wait()
    except TimeoutError:
        return "ran out"
    return "was answered"


class TestDeadline:
    async def test_deadlines_end_tasks_in_the_order_in_which_they_began(self) -> None:
        queue = Deadlines(0.01, asyncio.get_running_loop())
        order: list[int] = []

        async def numbered(number: int) -> str:
            outcome = await waits(queue)
            order.append(number)
            return outcome

        tasks = [asyncio.create_task(numbered(number)) for number in range(5)]
        assert await asyncio.gather(*tasks) == ["ran out"] * 5
        assert order == list(range(5))

    async def test_many_deadlines_share_one_timer(self) -> None:
        loop = asyncio.get_running_loop()
        timers: list[float] = []
        call_at = loop.call_at

        def counted(when: float, *rest: object, **named: object) -> asyncio.TimerHandle:
            timers.append(when)
            return call_at(when, *rest, **named)  # pyright: ignore

        loop.call_at = counted  # pyright: ignore[reportAttributeAccessIssue]
        try:
            queue = Deadlines(60, loop)
            for _ in range(100):
                with deadline(queue):
                    await asyncio.sleep(0)
        finally:
            del loop.call_at
        assert len(timers) == 1

    async def test_other_cancellations_propagate(self) -> None:
        queue = Deadlines(60, asyncio.get_running_loop())
        task = asyncio.create_task(waits(queue))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_expired_deadline_leaves_the_task_as_it_was(self) -> None:
        assert await waits(Deadlines(0.001, asyncio.get_running_loop())) == "ran out"
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)

    async def test_deadline_may_stand_within_another(self) -> None:
        loop = asyncio.get_running_loop()
        long, short = Deadlines(60, loop), Deadlines(0.001, loop)
        with deadline(long):
            assert await waits(short) == "ran out"

    async def test_timer_serves_the_next_deadline_after_the_first_has_ended(self) -> None:
        queue = Deadlines(0.01, asyncio.get_running_loop())
        with deadline(queue):
            pass
        assert await waits(queue) == "ran out"
