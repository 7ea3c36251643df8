"""Attacks by which one client tries to take more than its share; for `bench.neighbours` and soak.

Each attack runs until it is cancelled, and goes on after refusals.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from bench.soak_load import ACCOUNT, SIGN_IN, UPDATE, Connection

CONNECTIONS = 8
"""Connections of one attack over HTTP, each with one request in flight."""
HEALTH_CHECKS, RESUMES, SUBSCRIPTIONS = 200, 200, 300
SIGN_INS, NETWORKS = 192, 24
SOCKETS_AT_ONCE = 50
UPDATES_PER_SECOND = 5

ADDRESS = "203.0.113.7"
LOOK = "{ items(first: 100) { nodes { id } } users(first: 1) { nodes { id } } }"
EVENT = "subscription { itemChanged { cursor item { title } } }"
EVENT_OF_MANY_ITEMS = """subscription { itemChanged { cursor item { owner {
    items(first: 100) { nodes { id title n%d: status owner { name } } } } } } }"""


class Target(NamedTuple):
    """A server, and what an attacker can know about it."""

    url: str
    user: str
    items: list[str]
    cursor: str
    """The cursor of a change; the older it is, the more a resume reads."""
    token: str
    """The access token of a user who may write, for updates that are not part of an attack."""


Attack = Callable[[Target], Coroutine[Any, Any, None]]


async def pages(target: Target) -> None:
    """Requests pages of whole rows, each with another value of a free filter."""
    moments = (datetime(2001, 1, 1) + timedelta(seconds=number) for number in count())  # noqa: DTZ001
    await _ask_on(
        target,
        """query ($user: ID!, $after: DateTime) { user(id: $user) {
            items(first: 100, filter: {updatedAfter: $after}) { pageInfo { endCursor } } } }""",
        lambda: {"user": target.user, "after": next(moments).isoformat() + "Z"},
    )


async def searches(target: Target) -> None:
    """Searches in every order, for texts that match nothing and texts that match much."""
    orders = [
        f"{{field: {field}, direction: {direction}}}"
        for field in ("CREATED_AT", "UPDATED_AT", "TITLE")
        for direction in ("ASC", "DESC")
    ]
    fields = [
        f'a{number}: items(first: 1, orderBy: {order}, filter: {{search: "{text}"}}) '
        "{ totalCount nodes { id } }"
        for number, (order, text) in enumerate(
            (order, text) for order in orders for text in ("-zzz", "a -zzz or item", "-a -b")
        )
    ]
    texts = [f"{{ {' '.join(random.sample(fields, 6))} }}" for _ in range(20)]
    await _ask_on(target, lambda: random.choice(texts), dict)


async def variables(target: Target) -> None:
    """Sends lists of 110,000 values as variables."""
    statuses = ["DRAFT"] * 110_000
    await _ask_on(
        target,
        """query ($statuses: [ItemStatus!]) {
            items(first: 1, filter: {status: $statuses}) { nodes { id } } }""",
        lambda: {"statuses": statuses},
    )


async def documents(target: Target) -> None:
    """Sends short documents, all different, whose fragments expand to 8^3 leaves."""
    numbers = count()

    def text() -> str:
        number = next(numbers)
        owners = " ".join(f"o{number}_{place}: owner {{ ...B }}" for place in range(8))
        items = " ".join(
            f"i{number}_{place}: items(first: 1) {{ nodes {{ ...C }} }}" for place in range(8)
        )
        leaves = " ".join(f"l{number}_{place}: owner {{ ...D }}" for place in range(8))
        return (
            f'{{ item(id: "{target.items[0]}") {{ ...A }} }} fragment A on Item {{ {owners} }} '
            f"fragment B on User {{ {items} }} fragment C on Item {{ {leaves} }} "
            "fragment D on User { id name }"
        )

    await _ask_on(target, text, dict)


async def names(target: Target) -> None:
    """Requests a field below lists with a very long alias."""
    alias = "a" * 120_000
    await _ask_on(
        target,
        f"{{ users(first: 50) {{ nodes {{ items(first: 50) {{ nodes {{ {alias}: id }} }} }} }} }}",
        dict,
    )


async def sign_ins(target: Target) -> None:
    """Signs in with wrong passwords, from many networks at once."""

    async def attempt(number: int) -> None:
        client = f"203.0.{number % NETWORKS}.{number // NETWORKS + 1}"
        variables = {"in": {"email": f"unknown{number}@example.com", "password": "wrong password"}}
        await _repeat(lambda: Connection(target.url, client), SIGN_IN, lambda: variables)

    await asyncio.gather(*map(attempt, range(SIGN_INS)))


async def health(target: Target) -> None:
    """Requests the readiness check on many connections."""

    async def ask() -> None:
        connection = Connection(target.url, ADDRESS)
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await connection.get("/health/ready")

    await asyncio.gather(*(ask() for _ in range(HEALTH_CHECKS)))


async def resumes(target: Target) -> None:
    """Resumes subscriptions from an old cursor, one after another on each of many sockets."""
    query = f'subscription {{ itemChanged(after: "{target.cursor}") {{ cursor }} }}'

    async def resume() -> None:
        async with connected(target.url, ADDRESS) as socket:
            await initialise(socket)
            for number in count():
                await subscribe(socket, query, str(number))
                for _ in range(100):
                    await socket.recv()
                await socket.send(json.dumps({"id": str(number), "type": "complete"}))

    await asyncio.gather(*(_keep_on(resume) for _ in range(RESUMES)))


async def events(target: Target) -> None:
    """Opens many different subscriptions while another client updates items."""

    async def listen(first: int) -> None:
        async with connected(target.url, ADDRESS) as socket:
            await initialise(socket)
            for number in range(first, first + SOCKETS_AT_ONCE):
                await subscribe(socket, EVENT_OF_MANY_ITEMS % number, str(number))
            async for _ in socket:
                pass

    async def update() -> None:
        connection = Connection(target.url)
        for number in count():
            changed = {"in": {"id": target.items[0], "title": f"title {number}"}}
            await connection.ask(UPDATE, changed, target.token)
            await asyncio.sleep(1 / UPDATES_PER_SECOND)

    await asyncio.gather(
        *(
            _keep_on(lambda first=first: listen(first))
            for first in range(0, SUBSCRIPTIONS, SOCKETS_AT_ONCE)
        ),
        update(),
    )


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        *(pages, searches, variables, documents, names),
        *(sign_ins, health, resumes, events),
    )
}


async def find_target(url: str) -> Target:
    """Signs in, and fetches the IDs, cursor and token of a `Target`."""
    connection = Connection(url)
    email, password = ACCOUNT
    signed_in = await connection.ask(SIGN_IN, {"in": {"email": email, "password": password}})
    token = signed_in["data"]["signIn"]["session"]["accessToken"]
    found = (await connection.ask(LOOK, {}))["data"]
    items = [item["id"] for item in found["items"]["nodes"]]
    async with connected(url) as socket:
        await initialise(socket)
        await subscribe(socket, EVENT)
        cursor = ""
        while not cursor:  # an update may be committed before the subscription starts
            title = f"Title {random.random()}"
            await connection.ask(UPDATE, {"in": {"id": items[0], "title": title}}, token)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    cursor = await _cursor_of(socket, title)
    await connection.leave()
    return Target(url, found["users"]["nodes"][0]["id"], items, cursor, token)


async def _cursor_of(socket: ClientConnection, title: str) -> str:
    while True:
        event = json.loads(await socket.recv())["payload"]["data"]["itemChanged"]
        if event["item"] is not None and event["item"]["title"] == title:
            return event["cursor"]


def connected(url: str, client: str | None = None) -> connect:
    """Opens a socket with the subprotocol graphql-transport-ws."""
    return connect(
        url.replace("http", "ws", 1),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=None if client is None else {"X-Forwarded-For": client},
        compression=None,
        max_queue=None,  # with a limit, unread messages would keep the socket from closing
        proxy=None,
    )


async def initialise(socket: ClientConnection) -> None:
    """Sends `connection_init` and waits for the acknowledgement."""
    await socket.send('{"type":"connection_init"}')
    await socket.recv()


async def subscribe(socket: ClientConnection, query: str, operation_id: str = "1") -> None:
    """Sends a subscribe message; does not wait for results."""
    await socket.send(
        json.dumps({"id": operation_id, "type": "subscribe", "payload": {"query": query}})
    )


async def _ask_on(
    target: Target, text: str | Callable[[], str], variables: Callable[[], dict[str, Any]]
) -> None:
    await asyncio.gather(
        *(
            _repeat(lambda: Connection(target.url, ADDRESS), text, variables)
            for _ in range(CONNECTIONS)
        )
    )


async def _repeat(
    make: Callable[[], Connection],
    text: str | Callable[[], str],
    variables: Callable[[], dict[str, Any]],
) -> None:
    connection = make()
    while True:
        try:
            await connection.ask(text if isinstance(text, str) else text(), variables())
        except (OSError, asyncio.IncompleteReadError, IndexError):
            await connection.leave()
            await asyncio.sleep(0.05)


async def _keep_on(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, WebSocketException, TimeoutError):
            await work()
        await asyncio.sleep(0.05)
