"""The protocol under every order of steps, complete and without each of its guards."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.weft.cache.model import GUARDS, LEASE_SECONDS, Load, Model
from weft.cache import fence

SHORT = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


class Cached(RuleBasedStateMachine):
    """Writers, readers, writers outside the application, the relay, and all faults."""

    guards = GUARDS

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(self.guards)
        self.writers: list[int] = []
        self.raised: list[int] = []
        self.loads: list[Load] = []
        self.seen: list[bytes] = []
        self.drawn: list[tuple[bytes, int]] = []
        self.read_log: tuple[set[int], int] | None = None
        self.leads = False
        self.outsiders: list[int] = []
        self.early = self.model.draw_id()
        self.model.grant_lease(0)
        self.miss()

    # Writers of the application: one that crashes never takes its next step.
    @rule()
    def begin(self) -> None:
        if len(self.writers) < 3:
            self.writers.append(self.model.begin())

    @precondition(lambda self: self.writers)
    @rule(place=st.integers(0, 2))
    def raise_fence(self, place: int) -> None:
        writer = self.writers.pop(place % len(self.writers))
        if "writers raise fences" not in self.guards:
            self.raised.append(writer)
        elif "fences are raised before commit" in self.guards:
            self.model.raise_fence(writer)
            self.raised.append(writer)
        else:
            self.model.commit(writer)
            self.raised.append(writer)

    @precondition(lambda self: self.raised)
    @rule(place=st.integers(0, 2))
    def commit(self, place: int) -> None:
        writer = self.raised.pop(place % len(self.raised))
        if "fences are raised before commit" in self.guards:
            self.model.commit(writer)
        else:
            self.model.raise_fence(writer)

    @precondition(lambda self: self.raised and "fences are raised before commit" in self.guards)
    @rule(place=st.integers(0, 2))
    def abort(self, place: int) -> None:
        self.model.abort(self.raised.pop(place % len(self.raised)))

    # Writers outside the application, and the relay that raises fences for them.
    @rule()
    def write(self) -> None:
        """A whole write at once."""
        self.writers.append(self.model.begin())
        self.raise_fence(-1)
        self.commit(-1)

    @rule()
    def begin_outside(self) -> None:
        if len(self.outsiders) < 2:
            self.outsiders.append(self.model.begin())

    @precondition(lambda self: self.outsiders)
    @rule()
    def commit_outside(self) -> None:
        self.model.commit(self.outsiders.pop(0), foreign=True)

    @rule()
    def new_leader(self) -> None:
        """Loses the changes that the old leader had read and for which it raised no fence yet."""
        if self.read_log is not None:
            self.model.unraised -= self.read_log[0]
        self.read_log, self.leads = None, True
        if "a new leader lets nothing older pass" in self.guards:
            self.model.grant_lease(self.model.now)

    @precondition(lambda self: self.leads)
    @rule()
    def relay_reads(self) -> None:
        self.read_log = (set(self.model.unraised), self.model.now)

    @precondition(lambda self: self.read_log)
    @rule()
    def relay_raises(self) -> None:
        assert self.read_log is not None
        changes, since = self.read_log
        for change in changes:
            self.model.raise_fence(change)
        self.model.unraised -= changes
        self.model.renew_lease(since)
        self.read_log = None

    @precondition(lambda self: self.outsiders)
    @rule()
    def leader_dies_having_read(self) -> None:
        self.new_leader()
        self.commit_outside()
        self.relay_reads()
        self.new_leader()

    @rule()
    def relay(self) -> None:
        """A whole pass at once: the usual case."""
        if not self.leads:
            self.new_leader()
        self.read_log = (set(self.model.unraised), self.model.now)
        self.relay_raises()

    # Readers.
    @rule()
    def load(self) -> None:
        if len(self.loads) < 3:
            self.loads.append(self.model.load())

    @precondition(lambda self: self.loads)
    @rule(place=st.integers(0, 2))
    def fill(self, place: int) -> None:
        self.model.fill(self.loads.pop(place % len(self.loads)))

    @rule()
    def ensure(self) -> None:
        self.seen.append(self.model.ensure())

    @precondition(lambda self: self.seen)
    @rule()
    def draw(self) -> None:
        self.drawn.append((self.seen.pop(0), self._number()))

    @precondition(lambda self: self.drawn)
    @rule()
    def make_whole(self) -> None:
        self.model.make_whole(*self.drawn.pop(0))

    @rule()
    def miss(self) -> None:
        """A whole miss at once, with the relay at work: the usual case."""
        load = self.model.load()
        seen = self.model.ensure()
        self.model.fill(load)
        if not fence.is_whole(seen):
            self.model.make_whole(seen, self._number())
            self.model.fill(self.model.load())

    @rule()
    def old_miss(self) -> None:
        """A miss with a delay between its snapshot and its fill."""
        load = self.model.load()
        self.pass_time_in_good_order()
        self.model.fill(load)

    def _number(self) -> int:
        after = "the number that makes whole is drawn after" in self.guards
        return self.model.draw_id() if after else self.early

    @invariant()
    def read(self) -> None:
        self.model.read()

    # Faults, and time.
    @rule(seconds=st.integers(1, 3))
    def pass_time(self, seconds: int) -> None:
        self.model.now += seconds

    @rule()
    def pass_time_in_good_order(self) -> None:
        for _ in range(4):
            self.model.now += 1
            self.relay()

    @rule()
    def flush(self) -> None:
        self.model.store.clear()

    @rule(key=st.sampled_from(["tag", "lease", "value"]))
    def evict(self, key: str) -> None:
        for found in [found for found in self.model.store if found[1] == key]:
            del self.model.store[found]

    @rule()
    def evict_between_raise_and_commit(self) -> None:
        self.begin()
        if self.writers:
            self.raise_fence(-1)
            self.evict("tag")
            self.miss()

    @rule()
    def replicate(self) -> None:
        self.model.saved = dict(self.model.store)

    @rule()
    def fail_over(self) -> None:
        """Fails over to a replica that lags; it may be empty."""
        self.model.store = dict(self.model.saved)
        self.model.run += 1


def unguarded(guard: str) -> type[Cached]:
    """Returns the state machine without one of the guards."""
    return type("Unguarded", (Cached,), {"guards": GUARDS - {guard}})


STORIES: dict[str, list[Callable[[Cached], None]]] = {
    "a missing fence takes nothing": [lambda site: site.evict("tag"), Cached.write],
    "a new fence is open": [
        Cached.evict_between_raise_and_commit,
        lambda site: site.commit(0),
    ],
    "a new leader lets nothing older pass": [
        Cached.begin_outside,
        Cached.leader_dies_having_read,
        Cached.pass_time_in_good_order,
    ],
    "a new store has keys of its own": [Cached.replicate, Cached.write, Cached.fail_over],
    "age is taken off the ttl": [
        Cached.new_leader,
        Cached.old_miss,
        Cached.pass_time_in_good_order,
    ],
    "fences are raised before commit": [Cached.begin, lambda site: site.raise_fence(0)],
    "the lease is asked": [
        Cached.begin_outside,
        Cached.commit_outside,
        lambda site: site.pass_time(LEASE_SECONDS + 1),
    ],
    "the number that makes whole is drawn after": [
        Cached.evict_between_raise_and_commit,
        lambda site: site.commit(0),
    ],
    "writers raise fences": [Cached.write],
    "xmin is compared": [Cached.write],
}
"""For each guard, steps after which the cache is stale without it."""


class TestProtocol:
    def test_protocol_never_answers_stale(self) -> None:
        run_state_machine_as_test(Cached, settings=SHORT)

    @pytest.mark.parametrize("guard", sorted(GUARDS))
    def test_protocol_needs_every_guard(self, guard: str) -> None:
        """Steps that fail without the guard succeed with it; `tests/long` searches for others."""
        for kind in (Cached, unguarded(guard)):
            site = kind()
            with nullcontext() if kind is Cached else pytest.raises(AssertionError):
                for step in STORIES[guard]:
                    step(site)
                    site.read()
