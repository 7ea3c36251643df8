"""Admission: a client waits for at most one turn of each other network, whatever these request."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Unavailable
from weft.rates.address import network_of
from weft.rates.admission import Admission

ADDRESSES = [
    None, "proxy", "203.0.113.1", "203.0.113.2", "198.51.100.1",
    *(f"2001:db8:{site}:{subscriber}::/64" for site in (1, 2) for subscriber in (1, 2)),
]  # fmt: skip


async def settle() -> None:
    """Lets all tasks run until they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


@dataclass
class Room:
    """Clients that take turns, and the order in which they got theirs."""

    admission: Admission
    served: list[str | None] = field(default_factory=list[str | None])
    asked: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def ask(self, address: str | None) -> asyncio.Task[None]:
        self.asked.append(asyncio.create_task(self._take(address)))
        return self.asked[-1]

    async def _take(self, address: str | None) -> None:
        await self.admission.take(address)
        self.served.append(address)

    async def next(self) -> None:
        self.admission.leave()
        await settle()

    async def end(self) -> None:
        """Cancels all that still wait."""
        for task in self.asked:
            task.cancel()
        await asyncio.gather(*self.asked, return_exceptions=True)


async def busy(*, waiting: int = 256, waiting_per_address: int = 16) -> Room:
    """Returns a room whose only turn is taken."""
    room = Room(Admission(1, waiting=waiting, waiting_per_address=waiting_per_address))
    await room.ask("first")
    room.served.clear()
    return room


def addresses_of_24_networks() -> list[str]:
    return [f"198.51.{network}.{host}" for host in range(8) for network in range(24)]


def addresses_of_one_site() -> list[str]:
    return [f"2001:db8:1:{subscriber:x}::/64" for subscriber in range(192)]


def is_refused(task: asyncio.Task[None]) -> bool:
    return task.done() and isinstance(task.exception(), Unavailable)


class TestAdmission:
    async def test_turns_do_not_wait_while_some_are_free(self) -> None:
        room = Room(Admission(2, waiting=1, waiting_per_address=1))
        asking = [room.ask("a") for _ in range(3)]
        await settle()
        assert [task.done() for task in asking] == [True, True, False]
        await room.next()
        assert asking[2].done()
        for _ in range(2):
            await room.next()
        assert all([await room.admission.take("b") is None for _ in range(2)])

    @pytest.mark.parametrize(
        ("attackers", "networks"), [(addresses_of_24_networks(), 24), (addresses_of_one_site(), 1)]
    )
    async def test_turn_comes_after_one_of_each_other_network(
        self, attackers: list[str], networks: int
    ) -> None:
        room = await busy(waiting=64)
        for address in attackers:
            room.ask(address)
        await settle()
        honest = room.ask("203.0.113.7")
        await settle()
        assert not honest.done(), "it waits: a place was made for it"
        turns = 0
        while not honest.done():
            for address in attackers[turns::7]:
                room.ask(address)
            await room.next()
            turns += 1
        assert honest.exception() is None
        assert turns <= networks + 1
        await room.end()

    async def test_turns_go_round_the_addresses_of_a_network(self) -> None:
        room = await busy()
        for address in ("203.0.113.1", "203.0.113.1", "198.51.100.1", "203.0.113.2"):
            room.ask(address)
        await settle()
        for _ in range(4):
            await room.next()
        assert room.served == ["203.0.113.1", "198.51.100.1", "203.0.113.2", "203.0.113.1"]

    async def test_waiting_places_of_each_address_are_limited(self) -> None:
        room = await busy(waiting_per_address=2)
        asking = [room.ask("203.0.113.1") for _ in range(4)]
        await settle()
        assert [is_refused(task) for task in asking] == [False, False, True, True]
        await room.end()

    async def test_programs_of_the_machine_may_have_all_waiting_places_left(self) -> None:
        room = await busy(waiting=3, waiting_per_address=1)
        asking = [room.ask(None) for _ in range(4)]
        await settle()
        assert [is_refused(task) for task in asking] == [False] * 3 + [True]
        another = room.ask("203.0.113.1")
        await settle()
        assert is_refused(asking[2])
        assert not another.done()
        await room.end()

    async def test_turn_skips_a_cancelled_waiter(self) -> None:
        room = await busy()
        gone, other = room.ask("203.0.113.1"), room.ask("203.0.113.2")
        await settle()
        gone.cancel()
        room.admission.leave()  # before the cancelled waiter could be removed
        await settle()
        assert (room.served, gone.cancelled(), other.done()) == (["203.0.113.2"], True, True)

    async def test_turn_of_a_waiter_cancelled_just_then_is_passed_on(self) -> None:
        room = await busy()
        gone, other = room.ask("203.0.113.1"), room.ask("203.0.113.2")
        await settle()
        room.admission.leave()
        gone.cancel()
        await settle()
        assert (room.served, gone.cancelled(), other.done()) == (["203.0.113.2"], True, True)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, len(ADDRESSES) - 1)),
        st.tuples(st.just("leave"), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
    ),
    max_size=60,
)


@given(steps=STEPS, at_once=st.integers(1, 3), waiting=st.integers(0, 8), each=st.integers(1, 3))
def test_turns_keep_their_promises_whatever_happens(
    steps: list[tuple[str, int]], at_once: int, waiting: int, each: int
) -> None:
    asyncio.run(_keep_promises(steps, at_once, waiting, each))


async def _keep_promises(
    steps: list[tuple[str, int]], at_once: int, waiting: int, each: int
) -> None:
    room = Room(Admission(at_once, waiting=waiting, waiting_per_address=each))
    asked: list[tuple[str | None, asyncio.Task[None]]] = []
    having = 0
    for step, number in steps:
        served_before = len(room.served)
        if step == "ask":
            asked.append((ADDRESSES[number], room.ask(ADDRESSES[number])))
        elif step == "cancel" and asked:
            asked[number % len(asked)][1].cancel()
        elif step == "leave" and having:
            having -= 1
            room.admission.leave()
        await settle()
        having += len(room.served) - served_before
        asked = [(address, task) for address, task in asked if not task.done()]
        assert having <= at_once
        assert len(asked) <= waiting
        assert not asked or having == at_once, "one waits for a turn that is free"
        waits = Counter(address for address, _ in asked if address is not None)
        assert all(count <= each for count in waits.values())
    while asked:
        room.admission.leave()
        await settle()
        asked = [(address, task) for address, task in asked if not task.done()]
    for _ in range(having):
        room.admission.leave()
    for _ in range(at_once):
        await asyncio.wait_for(room.admission.take("last"), 5)


@given(st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=30), st.sampled_from(ADDRESSES))
def test_other_clients_have_one_turn_each_in_a_round(
    others: list[str | None], mine: str | None
) -> None:
    """Before a client's turn, each neighbour has one at most, each other network one a round."""

    async def run() -> None:
        room = await busy()
        for one in others:
            if one != mine:
                room.ask(one)
        await settle()
        honest = room.ask(mine)
        await settle()
        while not honest.done():
            for one in others:
                if one != mine:
                    room.ask(one)
            await room.next()
        before = room.served[:-1]
        neighbours = {one for one in others if network_of(one) == network_of(mine)} - {mine}
        rounds = len(neighbours) + 1
        assert all(before.count(one) <= 1 for one in neighbours)
        networks = Counter(map(network_of, before))
        assert all(count <= rounds for count in networks.values())
        await room.end()

    asyncio.run(run())
