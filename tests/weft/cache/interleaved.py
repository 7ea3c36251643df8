"""A machine that runs the cache's own code in several processes, one crossing after the other."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.weft.cache.counter import (
    RESOLVE,
    CounterContext,
    DrivenFiller,
    tag_of,
)
from tests.weft.cache.driven import LEASE_SECONDS, Call, Crossing, Database, DrivenStore, Redis
from weft.cache.cache import Cache
from weft.cache.fences import WriteFences
from weft.cache.lease import FenceRelay
from weft.cache.steps import VERSION_KEY
from weft.changes.change import Change, ChangeKind
from weft.info import Info

COUNTER = "Counter.writes"
KEYS = (1, 2, 3)
KEY = st.sampled_from(KEYS)
PLACE = st.integers(0, 5)
STEPS = st.integers(1, 4)
TROUBLES = ("flush", "evict", "evict the version", "fail over", "forget", "forget one")


class Process:
    """What one server has of the cache."""

    def __init__(self, machine: "Interleaved") -> None:
        self.store = machine.store_of(machine)
        draw_id = machine.draw_id
        filler = DrivenFiller(self.store, draw_id, lambda: machine.now)
        filler.start = machine.start
        self.cache = machine.cache_type(self.store, filler, wall_clock=lambda: machine.now)
        self.fences = WriteFences(self.store, "available")
        self.relay = FenceRelay(
            self.store,
            draw_id,
            lambda change: (tag_of(change.key),),
            clock=lambda: machine.now,
            sleep=machine.sleep,
        )


class Interleaved(RuleBasedStateMachine):
    """Two processes, writers that know of no cache, one relay, and all that can go wrong."""

    cache_type = Cache
    redis_type = Redis
    processes_count = 2

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.redis = self.redis_type(lambda: self.now)
        self.database = Database()
        self.calls: list[Call] = []
        self.late: list[Callable[[], Any]] = []
        self.must: dict[int, set[int]] = {key: set() for key in KEYS}
        self.unannounced: list[tuple[float, int, int]] = []
        self.processes = [Process(self) for _ in range(self.processes_count)]
        self.relaying: Call | None = None
        self.leader = self.processes[0]
        self.leader.relay.lead()
        self.all_is_well()

    @staticmethod
    def store_of(machine: "Interleaved") -> DrivenStore:
        return DrivenStore(machine.redis)

    # What the code under test is given.
    async def draw_id(self) -> int:
        return await Crossing(self.database.draw_id, can_fail=False)

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds

        def time_passes() -> None:
            self.now = max(self.now, until)

        await Crossing(time_passes, can_fail=False)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        call = Call(work)
        if not call.done:
            self.calls.append(call)

    # Readers.
    async def read(self, process: Process, keys: Sequence[int]) -> None:
        for committed_at, key, writer in self.unannounced:
            if committed_at + LEASE_SECONDS < self.now:
                self.must[key].add(writer)
        least = {key: frozenset(self.must[key]) for key in keys}
        values = await RESOLVE(keys, Info(CounterContext(self.database, process.cache), COUNTER))
        for key, value in zip(keys, values, strict=True):
            missing = least[key] - set(value)
            assert not missing, f"{key} lacks {sorted(missing)}"

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
            self.start(self.read(self._process(place), tuple(keys[:count])))

    @rule(place=PLACE, key=KEY)
    def read_one_now(self, place: int, key: int) -> None:
        self.read_at_once(self._process(place), (key,))

    @rule(place=PLACE, key=KEY)
    def read_one_often(self, place: int, key: int) -> None:
        """Until the process asks for the version first."""
        for _ in range(6):
            self.read_one_now(place, key)

    @rule(place=PLACE)
    def read_all_now(self, place: int) -> None:
        self.read_at_once(self._process(place))

    # Writers.
    async def write(self, process: Process, key: int) -> None:
        writer = await self.database.ask(self.database.begin)
        wait_seconds = await process.fences.raise_before_commit([tag_of(key)], writer)
        await self.database.ask(lambda: self.database.commit(writer, key))
        if wait_seconds:
            await self.sleep(wait_seconds)
        self.must[key].add(writer)

    @rule(place=PLACE, key=KEY)
    def begin_write(self, place: int, key: int) -> None:
        if len(self.calls) < 6:
            self.start(self.write(self._process(place), key))

    @rule(place=PLACE, key=KEY)
    def write_now(self, place: int, key: int) -> None:
        Call(self.write(self._process(place), key)).finish()

    @rule(place=PLACE, key=KEY, steps=STEPS)
    def read_within_a_write(self, place: int, key: int, steps: int) -> None:
        call = Call(self.write(self._process(place), key))
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
        """By somebody who knows of no cache."""
        writer = self.database.begin()
        self.database.commit(writer, key)
        self.unannounced.append((self.now, key, writer))

    # The relay.
    async def one_pass(self, relay: FenceRelay) -> None:
        prepare = await relay.begin()
        pending = await self.database.ask(lambda: dict(self.database.pending))
        await prepare([change_of(key, writer) for writer, key in pending.items()])

        def assign_positions() -> None:
            for writer, key in pending.items():
                del self.database.pending[writer]
                self.must[key].add(writer)

        await self.database.ask(assign_positions)

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
        self.relay_begins()
        assert self.relaying is not None
        self.relaying.finish()

    @rule(place=PLACE)
    def leader_dies(self, place: int) -> None:
        if self.relaying is not None and not self.relaying.done:
            assert self.relaying.crossing is not None
            late = self.relaying.abandon()
            if self.relaying.crossing.can_fail:
                self._take_late(late)
        self.leader = self._process(place)
        self.leader.relay.lead()

    # What crosses, what is lost, and time.
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

    @rule(seconds=st.sampled_from([0.5, 1, 3]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(trouble=st.sampled_from(TROUBLES), place=PLACE)
    def trouble(self, trouble: str, place: int) -> None:
        match trouble:
            case "flush":
                self.redis.held.clear()
            case "evict" if self.redis.held:
                del self.redis.held[list(self.redis.held)[place % len(self.redis.held)]]
            case "evict the version":
                self.redis.held.pop((self.redis.run, VERSION_KEY), None)
            case "fail over":  # to a server with keys of its own
                self.redis.run += 1
            case "forget one":  # as a process does whose memory is full
                kept: Any = self._process(place).cache.kept
                kept._kept.drop((COUNTER, ("", b""), KEYS[place % len(KEYS)]))
            case _:  # as a process does that was started anew
                self._process(place).cache.clear()

    @rule()
    def all_is_well(self) -> None:
        """What the calls under way have left room for: the cache is filled and believed."""
        self.relay_pass()
        for process in self.processes * 2:
            self.read_at_once(process)

    def _process(self, place: int) -> Process:
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
