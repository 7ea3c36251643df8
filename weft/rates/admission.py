"""Admission to work with little concurrency: in turns by network, then by address.

Unlike `weft.rates.turns` it limits the queue and counts networks: for work that even an anonymous
client with many addresses may request.
"""

import asyncio
from collections import deque

from weft.errors import Unavailable
from weft.rates.address import network_of

Waiter = asyncio.Future[None]
Addresses = dict[str | None, deque[Waiter]]


class Admission:
    """At most `at_once` have a turn; at most `waiting` wait, `waiting_per_address` of one address.

    The next turn goes to the network that was served longest ago, and in it to the address that
    was. When all waiting places are taken, the network with the most of them loses one to a
    newcomer from a network with fewer. So a client waits for at most one turn of each other
    network, however much these request.
    """

    def __init__(self, at_once: int, *, waiting: int, waiting_per_address: int) -> None:
        self._free = at_once
        self._limit = waiting
        self._per_address = waiting_per_address
        self._networks: dict[str | None, Addresses] = {}
        """In order of their turns, as are the addresses of each; no entry is empty."""

    async def take(self, address: str | None) -> None:
        """Waits for the turn of this address; the caller ends it with `leave`.

        `address` is one from `weft.rates.address.counted`; None, the machine itself, has no limit
        of its own on waiting. Raises Unavailable if there is no place to wait, or it was lost to a
        newcomer.
        """
        if self._free:
            self._free -= 1
            return
        waiter = self._enter(address)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._remove(address, waiter)
            elif waiter.exception() is None:  # it has just got its turn
                self.leave()
            raise

    def leave(self) -> None:
        """Ends a turn and begins the next one."""
        while self._networks:
            waiter = self._next()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _enter(self, address: str | None) -> Waiter:
        network = network_of(address)
        waiters = self._networks.setdefault(network, {}).setdefault(address, deque())
        waiter: Waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        if address is not None and len(waiters) > self._per_address:
            self._refuse(network, address)
        elif sum(map(_count, self._networks.values())) > self._limit:
            # If several have as many, the newcomer's network loses.
            fullest = max(
                self._networks, key=lambda one: (_count(self._networks[one]), one == network)
            )
            addresses = self._networks[fullest]
            longest = max(addresses, key=lambda one: (len(addresses[one]), one == address))
            self._refuse(fullest, longest)
        return waiter

    def _refuse(self, network: str | None, address: str | None) -> None:
        """Refuses the newest waiter of an address."""
        waiter = self._networks[network][address].pop()
        self._drop_empty(network, address)
        if not waiter.done():
            waiter.set_exception(Unavailable("Too many are waiting for this; try again."))

    def _next(self) -> Waiter:
        network, addresses = next(iter(self._networks.items()))
        address, waiters = next(iter(addresses.items()))
        waiter = waiters.popleft()
        addresses[address] = addresses.pop(address)
        self._networks[network] = self._networks.pop(network)
        self._drop_empty(network, address)
        return waiter

    def _remove(self, address: str | None, waiter: Waiter) -> None:
        network = network_of(address)
        waiters = self._networks.get(network, {}).get(address, ())
        if waiter in waiters:
            self._networks[network][address].remove(waiter)
            self._drop_empty(network, address)

    def _drop_empty(self, network: str | None, address: str | None) -> None:
        if not self._networks[network][address]:
            del self._networks[network][address]
        if not self._networks[network]:
            del self._networks[network]


def _count(addresses: Addresses) -> int:
    return sum(map(len, addresses.values()))
