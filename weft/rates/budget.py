"""The budget of cost that each client may spend in a minute."""

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
"""Received bytes per cost of 1: so much JSON takes about as long to read as an object to answer."""

UNCHARGED_BYTES = 16_384
"""Most responses are no longer than this, and are paid for by their objects."""
SENT_BYTES_PER_COST = 1_000
"""Bytes per cost of 1 of a longer response, all of which is charged. They take less time than that,
but memory until the client has read them, and network."""

SHARED_EVERY_SECONDS = 0.5
CLIENT_BYTES = 600
"""Bytes that it takes to keep what a client has spent, its name included."""
MAX_UNTOLD = CLIENTS.entries(CLIENT_BYTES)
"""Most clients whose spending waits to be shared; that of others stays in this process."""


class _Spent:
    """What a client has spent: `own` here since the last share, `shared` in all processes then."""

    __slots__ = ("ends_at", "own", "shared")

    def __init__(self, ends_at: float) -> None:
        self.own = 0
        self.shared = 0
        self.ends_at = ends_at


class CostBudget:
    """Charges operations to clients, without waiting for anything.

    A process counts by itself and shares the counts every half a second, through Redis: until then
    a client may spend the rest of its budget once in each process. `limit` is per minute.
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
        """Adds to what the client has spent; raises `RateLimited` if that was its budget before."""
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
        """Returns what the client has spent in its minute, as far as this process knows."""
        spent = self._spent.get(client)
        return 0 if spent is None else spent.own + spent.shared

    async def share(self) -> None:
        """Adds to Redis what was spent here, and reads what was spent in all processes."""
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
        """Shares every `SHARED_EVERY_SECONDS`, until it is cancelled."""
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
        """The key of its turns: its address, or on the machine itself its viewer."""
        return ("viewer", self.audience) if self.address is None else self.address

    def charge(self, cost: int) -> None:
        """Charges the address and the viewer; raises `RateLimited` if one has spent its budget."""
        if self.budget is None or self.address is None:
            return
        self.budget.charge(("address", self.address), cost)
        if self.audience is not None:
            self.budget.charge(("viewer", self.audience), cost)


def client_of(budget: CostBudget | None, audience: Hashable) -> Client:
    """Returns the client whose request or socket is being served."""
    return Client(CLIENT.get(), audience, budget)


def current_client(budget: CostBudget | None) -> Client:
    """Returns the client whose operation is being run, as set by `charged`."""
    return Client(CLIENT.get(), VIEWER.get(), budget)


def charged(budget: CostBudget | None, audience: Hashable) -> Charge | None:
    """Returns what charges an operation to its viewer and address, and sets `VIEWER`.

    None if nothing is charged: without a budget, and for programs on the machine itself.
    """
    VIEWER.set(audience)
    if budget is None or CLIENT.get() is None:
        return None
    return client_of(budget, audience).charge


def charge_address(budget: CostBudget, purpose: str, cost: int) -> None:
    """Charges work other than an operation to the address it is for; raises `RateLimited`.

    Each `purpose` has a budget of its own.
    """
    if (address := CLIENT.get()) is not None:
        budget.charge((purpose, address), cost)


def charge_bytes(budget: CostBudget | None, received: int) -> int:
    """Charges the address for a request or message of `received` bytes; returns the cost.

    This comes before it is read, so the viewer is not known yet. Raises `RateLimited`.
    """
    cost = 1 + received // BYTES_PER_COST
    address = CLIENT.get()
    if address is not None and budget is not None:
        budget.charge(("address", address), cost)
    return cost


def charge_response(client: Client, sent_bytes: int) -> None:
    """Charges the client for a long response; never refuses it, since it is already made."""
    with suppress(RateLimited):
        client.charge(sent_bytes // SENT_BYTES_PER_COST)


def _parts(client: Hashable) -> tuple[object, ...]:
    return client if isinstance(client, tuple) else (client,)
