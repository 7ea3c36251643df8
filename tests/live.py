"""Subscriptions of the whole server, as tests of live updates begin them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.api import Member
from tests.sockets import Socket, connecting

CHANGES = "subscription { itemChanged { kind id item { title owner { name } } cursor } }"


@asynccontextmanager
async def subscribed(
    url: str, by: Member | None = None, query: str = CHANGES, **variables: Any
) -> AsyncGenerator[Socket]:
    """A socket with one subscription that is known to listen."""
    async with connecting(url) as socket:
        await socket.open(**({"Authorization": f"Bearer {by.token}"} if by else {}))
        await socket.subscribe("1", query, variables=variables)
        await joined(socket)
        yield socket


async def joined(socket: Socket) -> None:
    """Returns when the subscription before has begun: a query that came later is answered."""
    await socket.subscribe("probe", '{ node(id: "SXRlbTox") { id } }')
    while (await socket.receive())["id"] != "probe":
        pass
    assert (await socket.receive())["type"] == "complete"


async def change(socket: Socket) -> dict[str, Any]:
    message = await socket.receive()
    assert message["type"] == "next", message
    return message["payload"]["data"]["itemChanged"]
