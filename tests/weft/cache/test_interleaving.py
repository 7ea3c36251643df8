"""The cache's own code under every order of messages between processes, Redis, PostgreSQL."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.weft.cache.by_place import CacheByPlace
from tests.weft.cache.driven import DrivenStore, Redis
from tests.weft.cache.interleaved import Interleaved, change_of
from weft.cache.keys import Keys
from weft.cache.lease import FenceRelay

SHORT = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


class TakesAnswersByPlace(Interleaved):
    """A bug that the cache once had."""

    cache_type = CacheByPlace


class RaisesNothing(Interleaved):
    """Writers raise no fence."""

    class Store(DrivenStore):
        async def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None: ...

    def new_store(self) -> DrivenStore:
        return RaisesNothing.Store(self.redis)


class TellsBeforeRaising(Interleaved):
    """Changes get positions, so hubs find them, before their fences are raised."""

    async def one_pass(self, relay: FenceRelay) -> None:
        prepare = await relay.begin()
        pending = await self.database.ask(lambda: dict(self.database.held.pending))
        self.assign_positions(pending)
        await prepare([change_of(key, id) for id, (key, _) in pending.items()])


class LeavesTheVersion(Interleaved):
    """Fences are raised, and the version stays unchanged."""

    class Redis(Redis):
        def change_version(self, keys: Keys) -> None: ...

    redis_type = Redis


class GoesOnFromTheLastVersion(Interleaved):
    """A version that was lost is made with its last number."""

    class Redis(Redis):
        last = 1000

        def make_version(self, keys: Keys) -> None:
            self.versions = count(self.last)
            super().make_version(keys)

        def change_version(self, keys: Keys) -> None:
            super().change_version(keys)
            self.last = int(self.get(keys.version) or self.last)

    redis_type = Redis


class RaisesAfterTheVersion(Interleaved):
    """The version changes first, as in a cluster, where one step cannot do both."""

    class Store(DrivenStore):
        async def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
            await self._ask(lambda: self.redis.change_version(keys))
            await super().raise_fences(keys, transactions)

    class Redis(Redis):
        def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
            version = self.get(keys.version)
            super().raise_fences(keys, transactions)
            self.keep(keys.version, version)

    redis_type = Redis

    def new_store(self) -> DrivenStore:
        return RaisesAfterTheVersion.Store(self.redis)


class KeepsItsName(Interleaved):
    """The history keeps its name after a crash, as it once did."""

    is_named_anew = False


class KeepsItsNameWhenRestored(KeepsItsName):
    """As `KeepsItsName`, for another story."""


class AcknowledgesAtOnce(Interleaved):
    """Acknowledges a write after a crash while processes still use values from before."""

    last_lease_seconds = 0


def fills_while_another_asks(machine: Interleaved) -> None:
    machine.write_now(0, 3)
    machine.trouble("forget one", 0)
    machine.begin_read(0, [1, 3], 2)
    machine.go_on(0, 1)
    machine.read_one_now(0, 1)
    machine.finish(0)


def writes_and_reads(machine: Interleaved) -> None:
    machine.write_now(0, 1)
    machine.read_all_now(1)


def is_told_and_reads(machine: Interleaved) -> None:
    machine.write_elsewhere(1)
    machine.relay_begins()
    machine.relay_goes_on(4)
    machine.read_all_now(0)


def writes_in_the_calm(machine: Interleaved) -> None:
    machine.read_one_often(1, 1)
    machine.write_now(0, 1)
    machine.read_one_now(1, 1)


def loses_the_version(machine: Interleaved) -> None:
    machine.read_one_often(1, 1)
    machine.write_without_a_version(0, 1)
    machine.read_one_now(1, 1)


def judges_between_the_two(machine: Interleaved) -> None:
    machine.read_one_often(1, 1)
    machine.read_within_a_write(1, 1, 3)
    machine.read_one_now(1, 1)


def crashes(machine: Interleaved) -> None:
    machine.disturb_database("crash")
    machine.write_now(0, 1)
    machine.relay_pass()
    machine.read_all_now(1)


def puts_a_copy_back(machine: Interleaved) -> None:
    machine.disturb_database("back up")
    machine.write_now(0, 1)
    machine.all_is_well()
    machine.disturb_database("restore")
    machine.relay_pass()
    machine.pass_time(1)
    machine.relay_pass()
    machine.read_all_now(1)


def crashes_and_is_back_at_once(machine: Interleaved) -> None:
    machine.disturb_database("crash")
    machine.write_now(0, 1)
    machine.read_all_now(1)


STORIES: dict[type[Interleaved], Callable[[Interleaved], None]] = {
    TakesAnswersByPlace: fills_while_another_asks,
    RaisesNothing: writes_and_reads,
    TellsBeforeRaising: is_told_and_reads,
    LeavesTheVersion: writes_in_the_calm,
    GoesOnFromTheLastVersion: loses_the_version,
    RaisesAfterTheVersion: judges_between_the_two,
    KeepsItsName: crashes,
    KeepsItsNameWhenRestored: puts_a_copy_back,
    AcknowledgesAtOnce: crashes_and_is_back_at_once,
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class TestInterleaving:
    def test_cache_never_answers_stale_under_any_interleaving(self) -> None:
        run_state_machine_as_test(Interleaved, settings=SHORT)

    @pytest.mark.parametrize("broken", STORIES)
    def test_story_finds_a_stale_value_in_a_broken_cache_only(
        self, broken: type[Interleaved]
    ) -> None:
        for kind in (Interleaved, broken):
            machine = kind()
            with pytest.raises(AssertionError, match="lacks") if kind is broken else nullcontext():
                STORIES[broken](machine)
            machine.teardown()
