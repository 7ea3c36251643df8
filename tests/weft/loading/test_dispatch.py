import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.loading.warehouse import (
    LOST,
    Line,
    Source,
    Warehouse,
    outcomes,
    turns,
)
from weft.errors import FieldError, Unavailable
from weft.loading.dispatch import WAITERS_PER_BATCH
from weft.loading.failure import LoadError


class TestJoining:
    async def test_loads_of_one_turn_join_in_one_batch(self):
        warehouse, source = Warehouse(1), Source()
        answers = await outcomes(warehouse.ask(source, key, key + 1) for key in (1, 2, 3))
        assert answers == [[10, 20], [20, 30], [30, 40]]
        assert source.batches == [[1, 2, 3, 4]]

    async def test_keys_gather_while_every_connection_is_busy(self):
        warehouse, source = Warehouse(1), Source(open=False)
        first = warehouse.ask(source, 1)
        await soon(source.begun.wait())
        later = [first]
        for keys in ([2], [3], [2, 4], [1]):
            later.append(warehouse.ask(source, *keys))
            await turns(5)
        source.gate.set()
        assert await outcomes(later) == [[10], [20], [30], [20, 40], [10]]
        # A running batch is not joined: a later load may follow a later commit.
        assert source.batches == [[1], [2, 3, 4, 1]]
        assert warehouse.dispatcher.batches == 2

    async def test_batch_is_not_split_by_what_callers_await_before_they_load(self):
        warehouse, source = Warehouse(1), Source(open=False)

        async def ask(key: int) -> list[int]:
            await turns(key)
            return await soon(warehouse.ask(source, key))

        asking = [asyncio.create_task(ask(key)) for key in range(20)]
        await turns(50)
        source.gate.set()
        assert await outcomes(asking) == [[10 * key] for key in range(20)]
        assert len(source.batches) == 2

    async def test_each_call_gets_its_values_in_key_order_and_repeated(self):
        warehouse, source = Warehouse(1), Source()
        assert await soon(warehouse.ask(source, 3, 1, 3)) == [30, 10, 30]
        assert source.batches == [[3, 1]]

    async def test_load_right_after_an_answer_begins_the_next_batch(self):
        warehouse, source = Warehouse(1), Source()
        # Awaited without a task in between, so that the next load comes as soon as possible.
        async with asyncio.timeout(PATIENCE_SECONDS):
            for key in range(5):
                assert await warehouse.ask(source, key) == [10 * key]
        assert source.batches == [[0], [1], [2], [3], [4]]


class TestConnections:
    async def test_two_connections_run_one_batch_each_at_once(self):
        warehouse = Warehouse(2)
        one, two = Source(open=False), Source(open=False)
        asked = [warehouse.ask(source, 1) for source in (one, two)]
        await soon(one.begun.wait())
        await soon(two.begun.wait())
        assert one.lines[0] is not two.lines[0]
        one.gate.set()
        two.gate.set()
        await outcomes(asked)
        assert len(warehouse.opened) == 2

    async def test_connections_share_what_is_too_much_for_one_batch(self):
        warehouse, source = Warehouse(2), Source(open=False)
        count = 2 * WAITERS_PER_BATCH + 1
        asked = [warehouse.ask(source, key) for key in range(count)]
        await soon(source.begun.wait())
        source.gate.set()
        assert await outcomes(asked) == [[10 * key] for key in range(count)]
        assert list(map(len, source.batches)) == [WAITERS_PER_BATCH, WAITERS_PER_BATCH, 1]
        assert len(warehouse.opened) == 2

    async def test_connection_is_held_after_a_batch(self):
        warehouse, source = Warehouse(2), Source()
        for key in range(5):
            await soon(warehouse.ask(source, key))
        assert len(warehouse.opened) == 1

    async def test_lost_connection_is_replaced(self):
        warehouse, source = Warehouse(1), Source(open=False)
        first = warehouse.ask(source, 1)
        await soon(source.begun.wait())
        second = warehouse.ask(source, 2)
        source.failure, warehouse.opened[0].is_closed = LOST, True
        source.gate.set()
        with pytest.raises(Unavailable):
            await soon(first)
        with pytest.raises(Unavailable):
            await soon(second)
        source.failure = None
        assert await soon(warehouse.ask(source, 3)) == [30]
        assert len(warehouse.opened) == 2

    @pytest.mark.parametrize(
        ("failure", "told"), [(LOST, Unavailable), (ValueError("no such host"), LoadError)]
    )
    async def test_connection_that_cannot_be_opened_leaves_no_call_waiting(
        self, failure: Exception, told: type[Exception]
    ):
        warehouse, sources = Warehouse(1), [Source(), Source()]
        warehouse.shut = failure
        asked = [warehouse.ask(source, 1) for source in sources]
        answers = await outcomes(asked)
        assert [type(answer) for answer in answers] == [told, told]
        warehouse.shut = None
        assert await soon(warehouse.ask(sources[0], 1)) == [10]


class TestTurns:
    async def test_flood_of_one_source_does_not_delay_another(self):
        warehouse, flood, other = Warehouse(1), Source(open=False), Source()
        ran: list[str] = []

        async def flooding() -> None:
            for key in range(50):
                await soon(warehouse.ask(flood, key))
                ran.append("flood")

        flooders = [asyncio.create_task(flooding()) for _ in range(3)]
        await soon(flood.begun.wait())
        waiting = warehouse.ask(other, 1)
        flood.gate.set()
        await soon(waiting)
        batches_before = len(flood.batches)
        await outcomes(flooders)
        assert batches_before <= 2
        assert len(flood.batches) == 50


class TestFailure:
    async def test_failed_batch_gives_each_call_an_error_of_its_own(self):
        warehouse, source = Warehouse(1), Source()
        source.failure = Unavailable("Come back later.", retry_after=3)
        asked = [warehouse.ask(source, key) for key in (1, 1, 2)]
        errors = await outcomes(asked)
        assert source.batches == [[1, 2]]
        assert len({id(error) for error in errors}) == 3
        for error in errors:
            assert isinstance(error, Unavailable)
            assert error.message == "Come back later."
            assert error.extensions == {"code": "UNAVAILABLE", "retry_after": 3}
            assert error.__cause__ is source.failure

    async def test_error_may_have_a_constructor_of_its_own(self):
        class Shut(FieldError):
            code = "SHUT"

            def __init__(self) -> None:
                super().__init__("The shop is shut.", until="Monday")

        warehouse, source = Warehouse(1), Source()
        source.failure = Shut()
        with pytest.raises(Shut) as raised:
            await soon(warehouse.ask(source, 1))
        assert raised.value.extensions == {"code": "SHUT", "until": "Monday"}
        assert str(raised.value) == "The shop is shut."

    async def test_error_that_clients_must_not_see_is_the_cause_of_a_load_error(self):
        warehouse, source = Warehouse(1), Source()
        source.failure = ZeroDivisionError("a secret")
        with pytest.raises(LoadError) as raised:
            await soon(warehouse.ask(source, 1))
        assert raised.value.__cause__ is source.failure

    async def test_failure_of_one_source_does_not_fail_another(self):
        warehouse, broken, sound = Warehouse(1), Source(), Source()
        broken.failure = ZeroDivisionError()
        asked = [warehouse.ask(source, 1) for source in (broken, sound)]
        answers = await outcomes(asked)
        assert isinstance(answers[0], LoadError)
        assert answers[1] == [10]

    async def test_error_tells_how_many_values_were_promised_and_given(self):
        async def one_too_few(line: Line, keys: Sequence[Any]) -> list[Any]:
            return list(keys)[1:]

        warehouse = Warehouse(1)
        with pytest.raises(LoadError, match="one_too_few promised 2 values and gave 1"):
            await soon(warehouse.dispatcher.submit(one_too_few, [1, 2]))


class TestCancelling:
    async def test_cancelling_one_call_does_not_affect_the_others(self):
        warehouse, source = Warehouse(1), Source(open=False)
        asked = [warehouse.ask(source, key) for key in (1, 1, 2)]
        await soon(source.begun.wait())
        asked[0].cancel()
        source.gate.set()
        assert await outcomes(asked[1:]) == [[10], [20]]

    async def test_cancelled_batch_fails_its_own_calls_only(self):
        warehouse, broken, sound = Warehouse(1), Source(), Source()
        broken.failure = asyncio.CancelledError()
        asked = [warehouse.ask(source, 1) for source in (broken, sound)]
        answers = await outcomes(asked)
        assert isinstance(answers[0], LoadError)
        assert answers[1] == [10]


class TestClose:
    async def test_close_leaves_no_task_no_connection_and_no_waiting_call(self):
        before = asyncio.all_tasks()
        warehouse, running, queued = Warehouse(1), Source(open=False), Source()
        asked = [warehouse.ask(source, 1) for source in (running, queued)]
        await soon(running.begun.wait())
        await warehouse.dispatcher.close()
        assert all(isinstance(waiter.exception(), LoadError) for waiter in asked)
        assert asyncio.all_tasks() == before
        assert [line.is_closed for line in warehouse.opened] == [True]
