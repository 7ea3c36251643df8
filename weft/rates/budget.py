"""What the operations of one client may cost in a minute."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Never

from limits import RateLimitItemPerMinute

from weft.errors import RateLimited
from weft.rates.address import CLIENT
from weft.rates.windows import Windows

WINDOW_SECONDS = 60
Charge = Callable[[int], None]

SHARED_EVERY_SECONDS = 0.5
MAX_CLIENTS = 100_000
"""Kept in a process; when there are more, those that have nothing to tell are forgotten."""


class _Spent:
    """One client's: `shared` is what all processes had counted when they were last asked."""

    __slots__ = ("ends_at", "own", "shared")

    def __init__(self, ends_at: float) -> None:
        self.own = 0
        self.shared = 0
        self.ends_at = ends_at


class CostBudget:
    """Charges operations to whoever sends them, without waiting for anything.

    A process counts by itself and tells the others every half a second, through Redis: until then
    a client may spend what is left once in each process. `limit` is for a minute.
    """

    def __init__(
        self, windows: Windows, limit: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._windows = windows
        self._item = RateLimitItemPerMinute(limit)
        self._limit = limit
        self._clock = clock
        self._spent: dict[Hashable, _Spent] = {}
        self._untold: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._spent)

    def charge(self, client: Hashable, cost: int) -> None:
        """Adds to what the client has spent; raises `RateLimited` if that was all it had before."""
        now = self._clock()
        spent = self._spent.get(client)
        if spent is None or now >= spent.ends_at:
            spent = self._begin(client, now)
        if spent.own + spent.shared >= self._limit:
            wait_seconds = max(1, math.ceil(spent.ends_at - now))
            raise RateLimited(
                f"You have spent what operations may cost in a minute, {self._limit}: "
                f"come back in {wait_seconds} s.",
                wait_seconds,
            )
        spent.own += cost
        self._untold.add(client)

    def spent(self, client: Hashable) -> int:
        """What the client has spent in its minute, as far as this process knows."""
        spent = self._spent.get(client)
        return 0 if spent is None or self._clock() >= spent.ends_at else spent.own + spent.shared

    def _begin(self, client: Hashable, now: float) -> _Spent:
        if len(self._spent) >= MAX_CLIENTS:
            self._spent = {one: self._spent[one] for one in self._untold if one in self._spent}
        spent = self._spent[client] = _Spent(now + WINDOW_SECONDS)
        return spent

    async def share(self) -> None:
        """Tells the other processes what was spent here, and learns what was spent there."""
        untold, self._untold = self._untold, set()
        for client in untold:
            spent = self._spent.get(client)
            if spent is None or not spent.own:
                continue
            told, spent.own = spent.own, 0
            spent.shared += told
            window = await self._windows.count(self._item, *map(str, _parts(client)), cost=told)
            spent.shared = max(spent.shared, self._limit - window.left)
            spent.ends_at = window.ends_at

    async def run(self) -> Never:
        """Shares again and again, until it is cancelled."""
        while True:
            await self.share()
            # redis-py may have lost a cancellation: see weft.changes.channel.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            await asyncio.sleep(SHARED_EVERY_SECONDS)


@dataclass(frozen=True, slots=True)
class Client:
    """An address and a viewer: work for them is charged to both, and waits for its turn.

    `address` is None for a program on the machine itself, which is not charged; `audience` is None
    for anonymous viewers. See `counted_address` and `Gate.audience`.
    """

    address: str | None
    audience: Hashable
    budget: CostBudget | None = field(default=None, compare=False, repr=False)

    @property
    def turn(self) -> Hashable:
        """By what it takes turns: its address; on the machine itself, its viewer."""
        return ("viewer", self.audience) if self.address is None else self.address

    def charge(self, cost: int) -> None:
        """Charges the address and the viewer; raises `RateLimited` where one has spent it all."""
        if self.budget is None or self.address is None:
            return
        self.budget.charge(("address", self.address), cost)
        if self.audience is not None:
            self.budget.charge(("viewer", self.audience), cost)


def client_of(budget: CostBudget | None, audience: Hashable) -> Client:
    """The client whose request or socket is being served."""
    return Client(CLIENT.get(), audience, budget)


def charged(budget: CostBudget | None, audience: Hashable) -> Charge | None:
    """What charges an operation to its viewer and to the address that it comes from.

    None where nobody is charged: without a budget, and for programs on the machine itself.
    """
    if budget is None or CLIENT.get() is None:
        return None
    return client_of(budget, audience).charge


def charge_address(budget: CostBudget, purpose: str, cost: int) -> None:
    """Charges what is no operation to the address that it comes from; raises `RateLimited`.

    Each `purpose` has the limit for itself: what is spent on one leaves the others as they are.
    """
    if (address := CLIENT.get()) is not None:
        budget.charge((purpose, address), cost)


def _parts(client: Hashable) -> tuple[object, ...]:
    return client if isinstance(client, tuple) else (client,)
