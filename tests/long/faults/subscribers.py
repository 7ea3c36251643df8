"""Subscribers that reconnect whenever they are cut off, with or without their cursor."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.long.faults.site import SECRET
from tests.sockets import TRANSPORT_WS
from weft.changes.cursor import Cursors

QUERY = """subscription ($after: String, $owner: ID) {
    itemChanged(after: $after, ownerId: $owner) { kind id item { title status } cursor }
}"""
BACK_SECONDS = 0.2
CURSORS = Cursors(SECRET)


@dataclass(frozen=True)
class Viewpoint:
    """The viewer of a subscription, and the owner whose items it selects."""

    user_id: int | None = None
    is_admin: bool = False
    token: str | None = None
    owner_id: int | None = None
    owner: str | None = None

    def wants(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
        """Whether the subscriber gets a change, by the rule of the contract."""
        return any(
            side is not None
            and (self.owner_id is None or side["owner_id"] == self.owner_id)
            and (side["status"] == "PUBLISHED" or self.is_admin or side["owner_id"] == self.user_id)
            for side in (before, after)
        )

    def expected(self, log: Sequence[Any]) -> list[int]:
        """Returns the positions of the log that the subscriber must receive."""
        return [
            row["position"]
            for row in log
            if self.wants(_columns(row["before"]), _columns(row["after"]))
        ]


def _columns(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)


def position_of(cursor: str) -> int:
    """Returns the position in a cursor, decoded with the secret."""
    return CURSORS.decode(cursor).position


@dataclass
class Subscriber:
    """A subscriber that connects to the next server whenever its connection ends."""

    urls: Sequence[str]
    viewpoint: Viewpoint
    cursor: str | None = None
    resumes: bool = True
    heard: list[int] = field(default_factory=list[int])
    titles: set[str] = field(default_factory=set[str])
    errors: list[Any] = field(default_factory=list[Any])
    began: asyncio.Event = field(default_factory=asyncio.Event)
    connection: ClientConnection | None = None
    connections: int = 0

    async def run(self) -> None:
        while True:
            try:
                await self._listen(self.urls[self.connections % len(self.urls)])
            except (OSError, WebSocketException, EOFError, TimeoutError):
                self.connections += 1
                await asyncio.sleep(BACK_SECONDS)

    def cut(self) -> None:
        if self.connection is not None:
            self.connection.transport.abort()

    async def _listen(self, url: str) -> None:
        async with connect(
            url.replace("http", "ws", 1),
            subprotocols=[TRANSPORT_WS],
            compression=None,
            proxy=None,
            open_timeout=5,
            close_timeout=0.1,
        ) as connection:
            self.connection = connection
            credentials = self.viewpoint.token and {
                "Authorization": f"Bearer {self.viewpoint.token}"
            }
            await connection.send(json.dumps({"type": "connection_init", "payload": credentials}))
            await connection.recv()
            variables = {"after": self.cursor, "owner": self.viewpoint.owner}
            payload = {"query": QUERY, "variables": variables}
            await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            self.began.set()
            async for text in connection:
                self._hear(json.loads(text))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] != "next" or "errors" in message["payload"]:
            self.errors.append(message)
            return
        change = message["payload"]["data"]["itemChanged"]
        self.heard.append(position_of(change["cursor"]))
        if change["item"] is not None:
            self.titles.add(change["item"]["title"])
        if self.resumes:
            self.cursor = change["cursor"]
