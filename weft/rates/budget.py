"""What the operations of one client may cost in a minute."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Never

from limits import RateLimitItemPerMinute

from weft.bounded_cache import BoundedCache
from weft.bounds import CLIENTS
from weft.errors import RateLimited
from weft.rates.address import CLIENT, VIEWER
from weft.rates.windows import Windows

WINDOW_SECONDS = 60
Charge = Callable[[int], None]

BYTES_PER_COST = 100
"""Of all that is received: JSON takes about so long to read as an object to answer."""

UNCHARGED_BYTES = 16_384
"""Of a response: as long as most are, which are paid for by their objects."""
SENT_BYTES_PER_COST = 1_000
"""Of a longer response, all of it. Its bytes take less time than that, but memory until the client
has read them, and the network."""

SHARED_EVERY_SECONDS = 0.5
CLIENT_BYTES = 600
"""What it takes to keep what a client has spent, its name included."""
MAX_UNTOLD = CLIENTS.entries(CLIENT_BYTES)
"""Clients whose spending waits to be shared; that of more stays the process's own."""


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
        self._spent: BoundedCache[Hashable, _Spent] = BoundedCache(CLIENTS, clock)
        self._untold: dict[Hashable, _Spent] = {}

    def __len__(self) -> int:
        return len(self._spent)

    def charge(self, client: Hashable, cost: int) -> None:
        """Adds to what the client has spent; raises `RateLimited` if that was all it had before."""
        spent = self._spent.get(client)
        if spent is None:
            spent = _Spent(self._clock() + WINDOW_SECONDS)
            self._spent.put(client, spent, CLIENT_BYTES, spent.ends_at)
        if spent.own + spent.shared >= self._limit:
            wait_seconds = max(1, math.ceil(spent.ends_at - self._clock()))
            raise RateLimited(
                f"You have spent what operations may cost in a minute, {self._limit}: "
                f"come back in {wait_seconds} s.",
                wait_seconds,
            )
        spent.own += cost
        if len(self._untold) < MAX_UNTOLD:
            self._untold[client] = spent

    def spent(self, client: Hashable) -> int:
        """What the client has spent in its minute, as far as this process knows."""
        spent = self._spent.get(client)
        return 0 if spent is None else spent.own + spent.shared

    async def share(self) -> None:
        """Tells the other processes what was spent here, and learns what was spent there."""
        untold, self._untold = self._untold, {}
        for client, spent in untold.items():
            told, spent.own = spent.own, 0
            if not told:
                continue
            spent.shared += told
            window = await self._windows.count(self._item, *map(str, _parts(client)), cost=told)
            spent = self._spent.get(client) or spent
            spent.shared = max(spent.shared, self._limit - window.left)
            spent.ends_at = window.ends_at
            self._spent.put(client, spent, CLIENT_BYTES, spent.ends_at)

    async def run(self) -> Never:
        """Shares again and again, until it is cancelled."""
        while True:
            await self.share()
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


def current_client(budget: CostBudget | None) -> Client:
    """The client whose operation is being run, since `charged`."""
    return Client(CLIENT.get(), VIEWER.get(), budget)


def charged(budget: CostBudget | None, audience: Hashable) -> Charge | None:
    """What charges an operation to its viewer and to the address that it comes from.

    None where nobody is charged: without a budget, and for programs on the machine itself. From
    here on `VIEWER` is the one whose operation is run.
    """
    VIEWER.set(audience)
    if budget is None or CLIENT.get() is None:
        return None
    return client_of(budget, audience).charge


def charge_address(budget: CostBudget, purpose: str, cost: int) -> None:
    """Charges what is no operation to the address that it comes from; raises `RateLimited`.

    Each `purpose` has the limit for itself: what is spent on one leaves the others as they are.
    """
    if (address := CLIENT.get()) is not None:
        budget.charge((purpose, address), cost)


def charge_bytes(budget: CostBudget | None, received: int) -> int:
    """Charges the address for a request or message of so many bytes; gives the cost.

    Before it is read, so the viewer is not known yet. Raises `RateLimited`.
    """
    cost = 1 + received // BYTES_PER_COST
    address = CLIENT.get()
    if address is not None and budget is not None:
        budget.charge(("address", address), cost)
    return cost


def charge_response(client: Client, sent_bytes: int) -> None:
    """Charges the client for a long response, which is made by then: so it is never refused."""
    with suppress(RateLimited):
        client.charge(sent_bytes // SENT_BYTES_PER_COST)


def _parts(client: Hashable) -> tuple[object, ...]:
    return client if isinstance(client, tuple) else (client,)
