"""The loaders of one operation, which load each key once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar, overload

from aiodataloader import DataLoader

from weft.loading.dispatch import Dispatcher, Note, WatchedDispatcher
from weft.loading.failure import own_error
from weft.loading.reach import Reach

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

Fetch = Callable[[Any, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]

_PAGE = Reach.PAGE


class _Batch(Generic[KeyT, ValueT]):
    """Keys that were submitted together, and the future of their values."""

    __slots__ = ("future", "keys")

    def __init__(self, keys: list[KeyT], future: asyncio.Future[list[ValueT]]) -> None:
        self.keys = keys
        self.future = future

    @property
    def is_lost(self) -> bool:
        """Whether it failed or was cancelled, so that its values never come."""
        future = self.future
        return future.done() and (future.cancelled() or future.exception() is not None)


class Loader(DataLoader[KeyT, ValueT]):
    """aiodataloader's interface over the batches that the whole process shares.

    It differs from aiodataloader as follows. `load_many` costs one future per call instead of one
    per key. A cancelled waiter cancels no other and leaves nothing in the cache. A failed batch
    gives each waiter an exception of its own and is not remembered. When a batch is cancelled no
    waiter hangs. The batch window is the dispatcher's: until a connection is free, across all
    operations.
    """

    def __init__(
        self,
        dispatcher: Dispatcher[Any] | WatchedDispatcher,
        fetch: Fetch[KeyT, ValueT],
        note: Note | None = None,
        reach_of: Callable[[KeyT], Reach] | None = None,
    ) -> None:
        """`note` is called with the snapshot of each batch, before its values are given.

        `reach_of` gives the reach of a key; without it the reach is a PAGE. Keys of one call are
        loaded by the furthest reach among them.
        """
        # Not `super().__init__()`: it sets up a queue that `load_many` does not need, which costs
        # as much as ten keys, for every loader of every operation.
        self._dispatcher = dispatcher
        self._note = note
        self._reach_of = reach_of
        self._fetch = fetch
        self.clear_all()

    async def batch_load_fn(self, keys: list[KeyT]) -> list[ValueT]:
        """Returns the values of distinct keys, in order, by the batches of the process."""
        return await self._ask(keys).future

    async def load(self, key: KeyT) -> ValueT:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Returns the value of one key; raises it if it is an error."""
        value = (await self.load_many((key,)))[0]
        if isinstance(value, Exception):
            raise own_error(value) from value
        return value

    async def load_many(self, keys: Sequence[KeyT]) -> list[ValueT]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Returns the values of the keys, in order; an error among them is that of a single key."""
        if keys and self._first is None and not self._asked and not self._known:
            # Most loaders are called once: only a second call enters the first one's keys.
            first = self._first = self._ask(list(keys))
            try:
                return list(await first.future)
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
            except Exception as error:
                raise own_error(error) from error
        self._look_into_first()
        # Bound here: values that arrive after `clear_all` go only to calls from before it.
        known, asked = self._known, self._asked
        while missing := [key for key in keys if key not in known]:
            batches = self._batches_of(list(dict.fromkeys(missing)), asked)
            try:
                for batch in batches:
                    known.update(zip(batch.keys, await batch.future, strict=True))
            except asyncio.CancelledError:
                _let_go(batches)
                if _is_cancelled():
                    raise
            except Exception as error:
                _let_go(batches)
                raise own_error(error) from error
        return [known[key] for key in keys]

    def _batches_of(
        self, keys: list[KeyT], asked: dict[KeyT, "_Batch[KeyT, ValueT]"]
    ) -> "Collection[_Batch[KeyT, ValueT]]":
        """Returns the batches that load the keys: those in flight, and one for all other keys."""
        new = [key for key in keys if key not in asked or asked[key].is_lost]
        if new:
            asked.update(dict.fromkeys(new, self._ask(new)))
        return {id(asked[key]): asked[key] for key in keys}.values()

    def _ask(self, keys: list[KeyT]) -> "_Batch[KeyT, ValueT]":
        reach_of = self._reach_of
        if reach_of is not None:
            reach = reach_of(keys[0]) if len(keys) == 1 else max(map(reach_of, keys))
            if reach is not _PAGE:
                apart = self._dispatcher.submit_apart(self._fetch, keys, reach, self._note)
                return _Batch(keys, apart)
        return _Batch(keys, self._dispatcher.submit(self._fetch, keys, self._note))

    def _look_into_first(self) -> None:
        first, self._first = self._first, None
        if first is None or first.is_lost:
            return
        if first.future.done():
            self._known.update(zip(first.keys, first.future.result(), strict=True))
        else:
            self._asked.update(dict.fromkeys(first.keys, first))

    def clear(self, key: KeyT) -> "Loader[KeyT, ValueT]":
        """Forgets one key, even if it is in flight."""
        self._look_into_first()
        if key in self._asked:
            # Forgets all keys in flight, so later calls load them twice: rare and harmless.
            self._known, self._asked = dict(self._known), {}
        self._known.pop(key, None)
        return self

    def clear_all(self) -> "Loader[KeyT, ValueT]":
        """Forgets all keys, even those in flight."""
        self._first: _Batch[KeyT, ValueT] | None = None
        self._known: dict[KeyT, ValueT] = {}
        self._asked: dict[KeyT, _Batch[KeyT, ValueT]] = {}
        return self

    def prime(self, key: KeyT, value: ValueT) -> "Loader[KeyT, ValueT]":
        """Keeps a value that was not loaded here, unless the key has one already."""
        self._look_into_first()
        self._known.setdefault(key, value)
        return self


def _is_cancelled() -> bool:
    """Whether this waiter was cancelled, and not another one that waits for the same future.

    A cancelled task cancels the future that it waits for. A shield for each waiter would cost more
    than the load, so the other waiters load a second time instead.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _let_go(batches: Iterable[_Batch[Any, Any]]) -> None:
    """Retrieves errors of futures without a waiter, so that asyncio does not report them."""
    for batch in batches:
        batch.future.add_done_callback(_take_error)


def _take_error(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


LoaderT = TypeVar("LoaderT", bound="LoaderSet")


class loads(Generic[KeyT, ValueT]):  # noqa: N801 - reads as a declaration, like `property`
    """Declares a loader in a `LoaderSet`: `row_by_key = loads(fetch, reach=Reach.PAGE)`.

    `fetch(connection, keys)` gets distinct keys and returns one value for each, in order; None, or
    what it documents, where there is nothing. `reach` is how far it reads for a key, or a function
    that gives that for each key.
    """

    def __init__(
        self, fetch: Fetch[KeyT, ValueT], *, reach: Reach | Callable[[KeyT], Reach]
    ) -> None:
        self.fetch = fetch
        self.reach_of: Callable[[KeyT], Reach] = reach if callable(reach) else (lambda _: reach)
        """The reach of a key."""
        self._is_page = reach is Reach.PAGE

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "loads[KeyT, ValueT]": ...
    @overload
    def __get__(self, instance: "LoaderSet", owner: type) -> Loader[KeyT, ValueT]: ...
    def __get__(self, instance: "LoaderSet | None", owner: type) -> Any:
        if instance is None:
            return self
        reach_of = None if self._is_page else self.reach_of
        loader = Loader(instance.dispatcher, self.fetch, instance.note, reach_of)
        # Stored under its name in the instance, where later look-ups find it first.
        instance.__dict__[self._name] = loader
        return loader


class LoaderSet:
    """The loaders of one operation, made at first use; subclasses declare them by `loads`."""

    def __init__(
        self, dispatcher: Dispatcher[Any] | WatchedDispatcher, note: Note | None = None
    ) -> None:
        """`note` is called with the snapshot of every batch."""
        self.dispatcher = dispatcher
        self.note = note

    def clear_all(self) -> None:
        """Forgets all keys of all loaders."""
        for value in self.__dict__.values():
            if isinstance(value, Loader):
                value.clear_all()
