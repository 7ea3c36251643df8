"""The load of `bench.soak`: queries, mutations, sockets, and clients that disconnect early."""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

ACCOUNT = ("admin@example.com", "development-admin")
READERS, LEAVERS, SOCKETS = 24, 4, 20
QUERIES = (
    "query ($id: ID!) { item(id: $id) { id title owner { name } } }",
    "query ($after: String) { items(first: 50, after: $after) { totalCount edges { cursor node { "
    "id title owner { id name itemCount } } } pageInfo { hasNextPage endCursor } } }",
    "query { users(first: 20) { edges { node { id name items(first: 10) { edges { node { id title "
    "} } } } } } }",
    "query ($id: ID!) { item(id: $id) { nothing } }",
)
SIGN_IN = "mutation ($in: SignInInput!) { signIn(input: $in) { session { accessToken } } }"
UPDATE = (
    "mutation ($in: UpdateItemInput!) { updateItem(input: $in) { item { version } errors { code } "
    "} }"
)
SUBSCRIBE = "subscription { itemChanged { kind cursor item { title } } }"


class Connection:
    """One keep-alive connection of HTTP/1.1.

    `client` is the address sent in X-Forwarded-For, as by a trusted proxy; by default none is sent.
    """

    def __init__(self, url: str, client: str | None = None) -> None:
        self._address = urlsplit(url)
        self._client = client
        self._reader: asyncio.StreamReader | None = None

    async def send(self, text: str, variables: dict[str, Any], token: str | None = None) -> None:
        """Sends one operation; does not wait for the response."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        head = f"POST {self._address.path} HTTP/1.1\r\nHost: weft\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if token is not None:
            head += f"Authorization: Bearer {token}\r\n"
        await self._write(head, body)

    async def get(self, path: str) -> Any:
        """Sends a GET request to another path; returns the decoded JSON of the response."""
        await self._write(f"GET {path} HTTP/1.1\r\nHost: weft\r\n")
        return await self.receive()

    async def _write(self, head: str, body: bytes = b"") -> None:
        if self._reader is None:
            host, port = self._address.hostname, self._address.port
            self._reader, self._writer = await asyncio.open_connection(host, port)
        if self._client is not None:
            head += f"X-Forwarded-For: {self._client}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        await self._writer.drain()

    async def receive(self) -> Any:
        """Reads one response; returns its decoded JSON."""
        assert self._reader is not None
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return json.loads(await self._reader.readexactly(length))

    async def ask(self, text: str, variables: dict[str, Any], token: str | None = None) -> Any:
        """Sends one operation; returns the decoded JSON of the response."""
        await self.send(text, variables, token)
        return await self.receive()

    async def leave(self) -> None:
        """Closes the connection, even while a request is in flight."""
        if self._reader is not None:
            self._reader = None
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()


@dataclass
class Load:
    """The operations of the load, and the numbers of requests and events so far."""

    url: str
    ids: list[str] = field(default_factory=list[str])
    cursors: list[str | None] = field(default_factory=lambda: list[str | None]([None]))
    token: str | None = None
    requests: int = 0
    events: int = 0

    async def prepare(self) -> None:
        """Signs in, and fetches the IDs and cursors to use as variables."""
        connection = Connection(self.url)
        email, password = ACCOUNT
        signed_in = await connection.ask(SIGN_IN, {"in": {"email": email, "password": password}})
        self.token = signed_in["data"]["signIn"]["session"]["accessToken"]
        found = await connection.ask(QUERIES[1], {}, self.token)
        edges = found["data"]["items"]["edges"]
        self.ids = [edge["node"]["id"] for edge in edges]
        self.cursors += [edge["cursor"] for edge in edges]
        await connection.leave()

    def _any(self) -> tuple[str, dict[str, Any]]:
        text = random.choice(QUERIES)
        values = {"id": random.choice(self.ids), "after": random.choice(self.cursors)}
        return text, {name: value for name, value in values.items() if f"${name}" in text}

    async def read(self) -> None:
        """Sends queries, and a mutation for every tenth request on average."""
        connection = Connection(self.url)
        while True:
            if random.random() < 0.1:
                changed = {"id": random.choice(self.ids), "title": f"title {random.random()}"}
                await connection.ask(UPDATE, {"in": changed}, self.token)
            else:
                await connection.ask(*self._any(), self.token if random.random() < 0.5 else None)
            self.requests += 1

    async def leave(self) -> None:
        """Sends a request and disconnects within 10 ms, often before the response."""
        while True:
            connection = Connection(self.url)
            await connection.send(*self._any())
            await asyncio.sleep(random.uniform(0, 0.01))
            await connection.leave()

    async def listen(self) -> None:
        """Subscribes on a socket for up to 20 seconds, then on another one."""
        while True:
            with suppress(WebSocketException, OSError, TimeoutError):
                async with (
                    asyncio.timeout(random.uniform(1, 20)),
                    connect(
                        self.url.replace("http", "ws", 1),
                        subprotocols=[Subprotocol("graphql-transport-ws")],
                        proxy=None,
                    ) as socket,
                ):
                    await socket.send('{"type":"connection_init"}')
                    await socket.recv()
                    payload = {"query": SUBSCRIBE}
                    await socket.send(
                        json.dumps({"id": "1", "type": "subscribe", "payload": payload})
                    )
                    async for _ in socket:
                        self.events += 1


async def load(url: str, seconds: float) -> Load:
    """Loads the server for `seconds`; raises an ExceptionGroup if a client fails."""
    done = Load(url)
    await done.prepare()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for work, count in (
                (done.read, READERS),
                (done.leave, LEAVERS),
                (done.listen, SOCKETS),
            ):
                for _ in range(count):
                    tasks.create_task(work())
    return done
