import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest

from tests.waiting import soon
from tests.weft.loading.warehouse import Source, Warehouse, outcomes, turns
from weft.errors import Unavailable
from weft.loading.failure import LoadError
from weft.loading.loader import Loader, LoaderSet, loads
from weft.loading.reach import Reach


class Shop:
    """A loader, and the source that it loads from."""

    def __init__(self, *, open: bool = True) -> None:
        self.source = Source(open=open)
        self.warehouse = Warehouse(1)
        self.loader = self.another()

    def another(self) -> Loader[int, int]:
        """Returns the loader of another operation."""
        return Loader(self.warehouse.dispatcher, self.source.fetch)

    def asking(self, *keys: int) -> asyncio.Task[list[int]]:
        """Returns a task that waits for values."""
        return asyncio.create_task(self.loader.load_many(keys))


class TestLoader:
    async def test_loader_is_freed_with_its_operation_without_garbage_collection(self):
        shop = Shop()
        await soon(shop.loader.load_many([1, 2]))
        gone = weakref.ref(shop.loader)
        gc.disable()
        try:
            del shop.loader
            await turns(2)
            assert gone() is None
        finally:
            gc.enable()

    async def test_loader_is_freed_with_an_operation_that_is_cancelled(self):
        shop = Shop(open=False)
        asking = shop.asking(1)
        await soon(shop.source.begun.wait())
        gone = weakref.ref(shop.loader)
        gc.disable()
        try:
            asking.cancel()
            await turns(3)
            assert asking.cancelled()
            del asking, shop.loader
            await turns(2)
            assert gone() is None
        finally:
            gc.enable()
            shop.source.gate.set()


class TestLoadMany:
    async def test_load_many_gives_values_in_the_order_of_the_keys(self):
        shop = Shop()
        assert await soon(shop.loader.load_many([3, 1, 3, 2])) == [30, 10, 30, 20]
        assert shop.source.batches == [[3, 1, 2]]

    async def test_load_many_gives_nothing_for_no_keys(self):
        shop = Shop()
        assert await soon(shop.loader.load_many([])) == []
        assert shop.source.batches == []

    async def test_loaded_keys_are_not_loaded_a_second_time(self):
        shop = Shop()
        await soon(shop.loader.load_many([1, 2]))
        assert await soon(shop.loader.load_many([2, 3])) == [20, 30]
        assert await soon(shop.loader.load(3)) == 30
        assert shop.source.batches == [[1, 2], [3]]

    async def test_load_many_joins_keys_in_flight(self):
        shop = Shop(open=False)
        first = shop.asking(1, 2)
        await soon(shop.source.begun.wait())
        second = shop.asking(2, 3)
        await turns(3)
        shop.source.gate.set()
        assert await outcomes([first, second]) == [[10, 20], [20, 30]]
        assert shop.source.batches == [[1, 2], [3]]

    async def test_load_at_the_moment_of_arrival_has_its_value_at_once(self):
        shop, asked_then = Shop(), list[list[int]]()

        def ask(_: object) -> None:
            # Called before the loader's waiter: the batch has its values, the loader not yet.
            with pytest.raises(StopIteration) as answered:
                shop.loader.load_many([1]).send(None)
            asked_then.append(answered.value.value)

        shop.warehouse.dispatcher.submit(shop.source.fetch, [1]).add_done_callback(ask)
        assert await soon(shop.loader.load(1)) == 10
        assert asked_then == [[10]]

    async def test_loaders_of_other_operations_share_a_batch(self):
        shop = Shop()
        others = [shop.another() for _ in range(3)]
        found = await outcomes(other.load(key) for key, other in enumerate(others))
        assert found == [0, 10, 20]
        assert shop.source.batches == [[0, 1, 2]]

    async def test_load_many_costs_one_future_for_many_keys(self):
        shop = Shop()
        futures = 0
        loop = asyncio.get_running_loop()
        create_future = loop.create_future

        def counted() -> asyncio.Future[object]:
            nonlocal futures
            futures += 1
            return create_future()

        loop.create_future = counted  # pyright: ignore[reportAttributeAccessIssue]
        try:
            await shop.loader.load_many(range(1000))
        finally:
            del loop.create_future
        assert futures == 1


class TestCancelling:
    async def test_cancelled_waiter_does_not_affect_its_sibling(self):
        shop = Shop(open=False)
        cancelled, sibling = shop.asking(1, 2), shop.asking(1, 2)
        await soon(shop.source.begun.wait())
        cancelled.cancel()
        await turns(3)
        shop.source.gate.set()
        assert await soon(sibling) == [10, 20]
        assert cancelled.cancelled()

    async def test_only_waiter_leaves_no_cancelled_future_behind(self):
        shop = Shop(open=False)
        cancelled = shop.asking(1)
        await soon(shop.source.begun.wait())
        cancelled.cancel()
        await turns(3)
        later = shop.asking(1)
        await turns(3)
        shop.source.gate.set()
        assert await soon(later) == [10]
        assert await soon(shop.loader.load(1)) == 10
        # The first load had no waiter left when the second began.
        assert shop.source.batches == [[1], [1]]

    async def test_cancelled_batch_leaves_no_waiter_hanging_and_nothing_behind(self):
        shop = Shop()
        shop.source.failure = asyncio.CancelledError()
        asked = [shop.asking(1), shop.asking(1)]
        assert [type(error) for error in await outcomes(asked)] == [LoadError, LoadError]
        shop.source.failure = None
        assert await soon(shop.loader.load(1)) == 10

    async def test_closing_leaves_no_waiter_hanging(self):
        shop = Shop(open=False)
        asked = shop.asking(1)
        await soon(shop.source.begun.wait())
        await shop.warehouse.dispatcher.close()
        (error,) = await outcomes([asked])
        assert isinstance(error, LoadError)


class TestFailure:
    async def test_failure_is_an_error_of_its_own_for_each_waiter(self):
        shop = Shop()
        shop.source.failure = Unavailable("Come back later.")
        errors = await outcomes(shop.asking(key) for key in (1, 1, 2))
        assert [type(error) for error in errors] == [Unavailable] * 3
        assert len({id(error) for error in errors}) == 3

    async def test_failure_is_not_remembered(self):
        shop = Shop()
        shop.source.failure = ZeroDivisionError()
        with pytest.raises(LoadError):
            await soon(shop.loader.load(1))
        shop.source.failure = None
        assert await soon(shop.loader.load(1)) == 10

    async def test_failure_without_a_waiter_is_not_reported_by_asyncio(self):
        shop = Shop(open=False)
        noise: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: noise.append(context))
        asked = shop.asking(1)
        await soon(shop.source.begun.wait())
        asked.cancel()
        shop.source.failure = ZeroDivisionError()
        shop.source.gate.set()
        del asked
        await turns(10)
        loop.set_exception_handler(None)
        assert noise == []


class TestClear:
    async def test_clear_all_forgets_loaded_keys(self):
        shop = Shop()
        await soon(shop.loader.load_many([1, 2]))
        shop.loader.clear_all()
        await soon(shop.loader.load_many([1, 2]))
        assert shop.source.batches == [[1, 2], [1, 2]]

    async def test_clear_all_forgets_keys_in_flight_but_not_their_waiters(self):
        shop = Shop(open=False)
        before = shop.asking(1)
        await soon(shop.source.begun.wait())
        shop.loader.clear_all()
        after = shop.asking(1)
        await turns(3)
        shop.source.gate.set()
        assert await outcomes([before, after]) == [[10], [10]]
        assert shop.source.batches == [[1], [1]]

    async def test_clear_forgets_one_key(self):
        shop = Shop()
        await soon(shop.loader.load_many([1, 2]))
        shop.loader.clear(1)
        await soon(shop.loader.load_many([1, 2]))
        assert shop.source.batches == [[1, 2], [1]]

    async def test_clear_forgets_one_key_in_flight_but_not_its_waiter(self):
        shop = Shop(open=False)
        before = shop.asking(1, 2)
        await soon(shop.source.begun.wait())
        shop.loader.clear(1)
        after = shop.asking(1)
        await turns(3)
        shop.source.gate.set()
        assert await outcomes([before, after]) == [[10, 20], [10]]
        assert shop.source.batches == [[1, 2], [1]]


class TestPrime:
    async def test_prime_spares_a_load_and_overwrites_nothing(self):
        shop = Shop()
        shop.loader.prime(1, 11)
        shop.loader.prime(1, 12)
        assert await soon(shop.loader.load_many([1, 2])) == [11, 20]
        assert shop.source.batches == [[2]]


async def tens(connection: object, keys: Sequence[int]) -> list[int]:
    return [10 * key for key in keys]


class Loaders(LoaderSet):
    ten = loads(tens, reach=Reach.PAGE)


class TestLoaderSet:
    async def test_loader_set_makes_each_loader_once_for_each_operation(self):
        warehouse = Warehouse(1)
        one, two = Loaders(warehouse.dispatcher), Loaders(warehouse.dispatcher)
        assert one.ten is one.ten
        assert one.ten is not two.ten
        assert await soon(one.ten.load(1)) == 10

    async def test_clear_all_forgets_the_keys_of_all_loaders(self):
        loaders = Loaders(Warehouse(1).dispatcher)
        loaders.ten.prime(1, 11)
        loaders.clear_all()
        assert await soon(loaders.ten.load(1)) == 10
