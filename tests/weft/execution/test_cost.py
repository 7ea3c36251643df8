"""What an execution may cost, in exact counts."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tests.weft.execution.shop import Site, ThingRow
from weft.execution import Schema


@contextmanager
def counted() -> Generator[dict[str, int]]:
    """Counts the tasks and futures that the loop creates."""
    loop = asyncio.get_running_loop()
    counts = {"tasks": 0, "futures": 0}
    factory, create_future = loop.get_task_factory(), loop.create_future

    def make_task(loop: Any, coroutine: Coroutine[Any, Any, Any], **options: Any) -> Any:
        counts["tasks"] += 1
        return asyncio.Task(coroutine, loop=loop, **options)

    def make_future() -> Any:
        counts["futures"] += 1
        return create_future()

    loop.set_task_factory(cast(Any, make_task))
    loop.create_future = make_future  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        loop.set_task_factory(factory)
        del loop.create_future


class TestTasksAndFutures:
    @pytest.mark.parametrize(
        ("text", "tasks", "futures"),
        [
            ("{ things { key label shout } }", 0, 0),
            ("{ things { key owner { key } } }", 0, 0),
            ("{ things { owner { count } } }", 0, 0),
            ("{ things { owner { key } count } }", 1, 1),
            ("{ things { owner { key } maybeOwner { key } count } thing { key } }", 3, 2),
        ],
    )
    async def test_further_branches_take_a_task_each_and_one_future_together(
        self, compiled: Schema, text: str, tasks: int, futures: int
    ) -> None:
        for size in (1, 50):
            site = Site()
            site.things = [ThingRow(key) for key in range(size)]
            with counted() as counts:
                result = await compiled.run(text, context=site)
            assert result.errors is None
            assert counts == {"tasks": tasks, "futures": futures}


class TestCalls:
    @pytest.mark.parametrize("size", [1, 50])
    async def test_field_of_a_level_is_called_once(self, compiled: Schema, size: int) -> None:
        site = Site()
        site.things = [ThingRow(key) for key in range(size)]
        await compiled.run(
            "{ things { owner { count } maybeOwner { count } count } }", context=site
        )
        assert [call for call, _ in site.calls].count("owner") == 1
        assert [call for call, _ in site.calls].count("count") == 3

    async def test_row_that_occurs_often_is_one_parent(self, compiled: Schema) -> None:
        site = Site()
        site.things = [ThingRow(key) for key in range(50)]
        result = await compiled.run("{ things { owner { key count } } }", context=site)
        assert sorted(site.calls) == [("count", 2), ("owner", 50)]
        assert [thing["owner"]["count"] for thing in result.data["things"]] == [0, 1] * 25  # type: ignore[index]


class TestBranches:
    async def test_fast_branch_does_not_wait_for_a_slow_one(self, compiled: Schema) -> None:
        site = Site()
        text = "{ things { slowOwner { key } owner { count } } }"
        running = asyncio.create_task(compiled.run(text, context=site))
        # Fields below the fast branch are called while the slow one waits at the gate.
        await site.counted.wait()
        site.gate.set()
        assert (await running).errors is None

    async def test_branches_are_cancelled_with_their_operation(self, compiled: Schema) -> None:
        site = Site()
        before = asyncio.all_tasks()
        text = "{ blocked must things { slowOwner { key } count } }"
        running = asyncio.create_task(compiled.run(text, context=site))
        await site.counted.wait()
        branches = asyncio.all_tasks() - before - {running}
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.gather(*branches, return_exceptions=True)
        assert len(branches) == 3
        assert asyncio.all_tasks() == before

    async def test_branches_cancelled_before_they_began_leave_nothing(
        self, compiled: Schema
    ) -> None:
        running = asyncio.create_task(
            compiled.run("{ blocked must things { key } }", context=Site())
        )
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async def test_branches_that_end_after_the_deadline_change_nothing(
        self, compiled: Schema
    ) -> None:
        site = Site()
        site.stubborn = True
        before = asyncio.all_tasks()
        result = await compiled.run(
            "{ thing { key } things { key slowOwner { key } owner { key } } }",
            context=site,
            deadline_seconds=0.05,
        )
        shown = repr((result.data, result.errors))
        site.gate.set()
        site.released.set()
        await asyncio.gather(*(asyncio.all_tasks() - before))
        assert repr((result.data, result.errors)) == shown
