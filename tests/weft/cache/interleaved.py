"""A state machine that runs the cache's own code in several processes, one crossing at a time."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.weft.cache.counter import (
    COUNTER,
    RESOLVE,
    CounterContext,
    tag_of,
)
from tests.weft.cache.disturbed import KEY, KEYS, PLACE, Disturbed
from tests.weft.cache.driven import LEASE_SECONDS, Call, Crossing, DrivenStore, Redis
from tests.weft.cache.driven_database import Database
from tests.weft.cache.driven_process import Process
from weft.cache.cache import Cache
from weft.cache.lease import FenceRelay
from weft.changes.change import Change, ChangeKind
from weft.declare.info import Info
from weft.errors import Unavailable

STEPS = st.integers(1, 4)


class Interleaved(Disturbed):
    """Two processes, writers outside the application, one relay, and all faults."""

    cache_type = Cache
    redis_type = Redis
    processes_count = 2
    last_lease_seconds = LEASE_SECONDS
    is_named_anew = True

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.redis = self.redis_type(lambda: self.now)
        self.database = Database(lambda: self.now, is_named_anew=self.is_named_anew)
        self.calls: list[Call] = []
        self.late: list[Callable[[], Any]] = []
        self.must: dict[int, set[int]] = {key: set() for key in KEYS}
        self.unannounced: list[tuple[float, int, int]] = []
        self.undone: dict[int, float] = {}
        self.processes = [Process(self) for _ in range(self.processes_count)]
        self.relaying: Call | None = None
        self.leader = self.processes[0]
        self.log_history = self.database.history
        self.leader.relay.lead(self.database.name)
        self.all_is_well()

    def new_store(self) -> DrivenStore:
        return DrivenStore(self.redis)

    # The interface for the code under test.
    async def draw_id(self, history: str) -> int:
        return await self.database.ask(lambda: self.database.draw_id(history))

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds

        def time_passes() -> None:
            self.now = max(self.now, until)

        await Crossing(time_passes, can_fail=False)

    async def opened(self) -> None:
        """Waits until the lease of the last history has ended, before a new connection writes."""
        until = self.database.began_at + self.last_lease_seconds
        if self.database.history and self.now < until:
            await self.sleep(until - self.now)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        call = Call(work)
        if not call.done:
            self.calls.append(call)

    # Readers.
    async def read(self, process: Process, keys: Sequence[int]) -> None:
        for committed_at, key, write in self.unannounced:
            if committed_at + LEASE_SECONDS < self.now:
                self.acknowledge(key, write)
        least = {key: frozenset(self.must[key]) for key in keys}
        undone = {write for write, at in self.undone.items() if at + LEASE_SECONDS < self.now}
        values = await RESOLVE(keys, Info(CounterContext(process.read, process.cache), COUNTER))
        for key, value in zip(keys, values, strict=True):
            # A write that was undone during this read may be missing.
            missing = least[key] - set(value) - self.undone.keys()
            assert not missing, f"{key} lacks {sorted(missing)}"
            assert not undone & set(value), f"{key} lacks the restore: {sorted(value)}"

    def acknowledge(self, key: int, write: int) -> None:
        if write not in self.undone:
            self.must[key].add(write)

    def read_at_once(self, process: Process, keys: Sequence[int] = KEYS) -> None:
        before = list(self.calls)
        call = Call(self.read(process, keys))
        call.finish()
        for fill in [fill for fill in self.calls if fill not in before]:
            fill.finish()
        self._sweep()

    @rule(place=PLACE, keys=st.permutations(KEYS), count=st.integers(1, 3))
    def begin_read(self, place: int, keys: list[int], count: int) -> None:
        if len(self.calls) < 6:
            self.start(self.read(self.process(place), tuple(keys[:count])))

    @rule(place=PLACE, key=KEY)
    def read_one_now(self, place: int, key: int) -> None:
        self.read_at_once(self.process(place), (key,))

    @rule(place=PLACE, key=KEY)
    def read_one_often(self, place: int, key: int) -> None:
        """Reads until the process reads the version first."""
        for _ in range(6):
            self.read_one_now(place, key)

    @rule(place=PLACE)
    def read_all_now(self, place: int) -> None:
        self.read_at_once(self.process(place))

    @rule(place=PLACE, keys=st.permutations(KEYS), steps=STEPS)
    def read_one_within_a_read(self, place: int, keys: list[int], steps: int) -> None:
        """Reads an evicted key, which a second read fills before the first is answered."""
        self.trouble("forget one", place)
        call = Call(self.read(self.process(place), keys[:2]))
        call.go_on(steps)
        self.read_one_now(place, KEYS[place % len(KEYS)])
        call.finish()
        self._sweep()

    # Writers.
    async def write(self, process: Process, key: int) -> None:
        begun = await process.ask(self.database.begin)
        history = self.database.name
        await self.opened()
        wait_seconds = await process.fences.raise_before_commit(history, [tag_of(key)], begun.id)
        try:
            write = await self.database.ask(lambda: self.database.commit(begun, key))
        except Unavailable:
            return
        if wait_seconds:
            await self.sleep(wait_seconds)
        self.acknowledge(key, write)

    @rule(place=PLACE, key=KEY)
    def begin_write(self, place: int, key: int) -> None:
        if len(self.calls) < 6:
            self.start(self.write(self.process(place), key))

    @rule(place=PLACE, key=KEY)
    def write_now(self, place: int, key: int) -> None:
        Call(self.write(self.process(place), key)).finish()

    @rule(place=PLACE, key=KEY, steps=STEPS)
    def read_within_a_write(self, place: int, key: int, steps: int) -> None:
        call = Call(self.write(self.process(place), key))
        call.go_on(steps)
        self.read_one_now(place, key)
        call.finish()

    @rule(place=PLACE, key=KEY)
    def write_without_a_version(self, place: int, key: int) -> None:
        self.trouble("evict the version", place)
        self.write_now(place, key)
        self.relay_pass()

    @rule(key=KEY)
    def write_elsewhere(self, key: int) -> None:
        """Writes outside the application, which raises no fence."""
        write = self.database.commit(self.database.begin(), key)
        self.unannounced.append((self.now, key, write))

    # The relay.
    async def one_pass(self, relay: FenceRelay) -> None:
        prepare = await relay.begin()
        try:
            pending = await self.ask_log(lambda: dict(self.database.held.pending))
            await prepare([change_of(key, id) for id, (key, _) in pending.items()])
            await self.ask_log(lambda: self.assign_positions(pending))
        except Unavailable:
            history, name = await self.database.ask(
                lambda: (self.database.history, self.database.name)
            )
            await self.opened()
            self.log_history = history
            relay.lead(name)

    def ask_log(self, command: Callable[[], Any]) -> Crossing:
        """Sends a command by the leader's connection, which is lost when its history ends."""

        def arrive() -> Any:
            if self.log_history != self.database.history:
                raise Unavailable("The connection was lost.")
            return command()

        return Crossing(arrive, can_fail=False)

    def assign_positions(self, pending: dict[int, tuple[int, int]]) -> None:
        for id, (key, write) in pending.items():
            del self.database.held.pending[id]
            self.acknowledge(key, write)

    @rule()
    def relay_begins(self) -> None:
        if self.relaying is None or self.relaying.done:
            self.relaying = Call(self.one_pass(self.leader.relay))

    @precondition(lambda self: self.relaying is not None and not self.relaying.done)
    @rule(steps=STEPS)
    def relay_goes_on(self, steps: int) -> None:
        assert self.relaying is not None
        self.relaying.go_on(steps)

    @precondition(lambda self: self.relaying is not None and not self.relaying.done)
    @rule()
    def relay_loses(self) -> None:
        assert self.relaying is not None
        self._take_late(self.relaying.fail())

    @rule()
    def relay_pass(self) -> None:
        history = self.log_history
        self.relay_begins()
        assert self.relaying is not None
        self.relaying.finish()
        if self.log_history != history:  # the pass only found that its connection was lost
            self.relay_pass()

    @rule(place=PLACE)
    def leader_dies(self, place: int) -> None:
        if self.relaying is not None and not self.relaying.done:
            assert self.relaying.crossing is not None
            late = self.relaying.abandon()
            if self.relaying.crossing.can_fail:
                self._take_late(late)
        self.leader = self.process(place)
        self.leader.relay.lead(self.database.name)

    # Crossings that arrive, are lost, or are late.
    @precondition(lambda self: self.calls)
    @rule(place=PLACE, steps=STEPS)
    def go_on(self, place: int, steps: int) -> None:
        self.calls[place % len(self.calls)].go_on(steps)
        self._sweep()

    @precondition(lambda self: self.calls)
    @rule(place=PLACE)
    def finish(self, place: int) -> None:
        self.calls[place % len(self.calls)].finish()
        self._sweep()

    @precondition(lambda self: self.calls)
    @rule(place=PLACE)
    def lose(self, place: int) -> None:
        self._take_late(self.calls[place % len(self.calls)].fail())
        self._sweep()

    @precondition(lambda self: self.late)
    @rule(place=PLACE)
    def arrive_late(self, place: int) -> None:
        self.late.pop(place % len(self.late))()

    @rule()
    def all_is_well(self) -> None:
        """Completes a pass of the relay and fills the cache, as far as running calls allow."""
        self.relay_pass()
        for process in self.processes * 2:
            self.read_at_once(process)

    def process(self, place: int) -> Process:
        return self.processes[place % len(self.processes)]

    def _take_late(self, command: Callable[[], Any] | None) -> None:
        if command is not None:
            self.late.append(command)

    def _sweep(self) -> None:
        self.calls = [call for call in self.calls if not call.done]

    def teardown(self) -> None:
        for call in (*self.calls, *filter(None, [self.relaying])):
            call.abandon()


def change_of(key: int, writer: int) -> Change:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Change(0, b"", "Counter", key, ChangeKind.UPDATED, {}, {}, at, writer)
