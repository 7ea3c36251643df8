"""Subscriptions to the whole server, for tests of live updates."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.client import Member
from tests.sockets import Socket, connecting

CHANGES = "subscription { itemChanged { kind id item { title owner { name } } cursor } }"


@asynccontextmanager
async def subscribed(
    url: str, by: Member | None = None, query: str = CHANGES, **variables: Any
) -> AsyncGenerator[Socket]:
    """Gives a socket with one subscription that has started."""
    async with connecting(url) as socket:
        await socket.open(**({"Authorization": f"Bearer {by.token}"} if by else {}))
        await socket.subscribe("1", query, variables=variables)
        await joined(socket)
        yield socket


async def joined(socket: Socket) -> None:
    """Waits until the last subscription has started: a query sent after it is answered."""
    await socket.subscribe("probe", '{ node(id: "SXRlbTox") { id } }')
    while (await socket.receive())["id"] != "probe":
        pass
    assert (await socket.receive())["type"] == "complete"


async def change(socket: Socket) -> dict[str, Any]:
    message = await socket.receive()
    assert message["type"] == "next", message
    return message["payload"]["data"]["itemChanged"]
