"""The server, directly or behind a proxy, with honest clients and an attacker (the stranger)."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import httpx

from tests.processes import Process
from tests.real.proxies.wire import JSON, Response, Wire, connected, operation, request
from tests.waiting import PATIENCE_SECONDS
from weft.declare.identity import decode_id

PASSWORD = "correct horse battery staple"
SIGN_UP = """mutation ($name: String!, $email: String!, $password: String!) {
  signUp(input: {name: $name, email: $email, password: $password}) {
    session { accessToken } viewer { id }
  }
}"""
CREATE = "mutation ($title: String!) { createItem(input: {title: $title}) { item { title } } }"
VIEWER = "{ viewer { name } }"
HONEST, SMUGGLED = "Honest", "Smuggled"

NEVER_SECONDS = 0.5
"""How long the stranger waits for a response that may never come."""


@dataclass(frozen=True)
class Person:
    """A user created by a sign-up."""

    name: str
    key: int
    token: str


async def signed_up(process: Process, name: str) -> Person:
    """Signs up a new user through the server's API."""
    email = f"{secrets.token_hex(8)}@example.com"
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        variables = {"name": name, "email": email, "password": PASSWORD}
        response = await http.post(process.url, json={"query": SIGN_UP, "variables": variables})
    payload = response.json()["data"]["signUp"]
    return Person(
        name, int(decode_id(payload["viewer"]["id"])[1]), payload["session"]["accessToken"]
    )


def address_of(process: Process) -> str:
    """Returns host and port of the server itself."""
    return process.url.removeprefix("http://").removesuffix("/graphql")


class Site:
    """The server at `address`, its clients, and the items that their requests created."""

    def __init__(
        self,
        address: str,
        process: Process,
        honest: Sequence[Person],
        stranger: Person,
        database: asyncpg.Connection,
    ) -> None:
        self.address = address
        self.process = process
        self.honest = honest
        self.stranger = stranger
        self._database = database

    def behind(self, address: str) -> "Site":
        """Returns the same site through the proxy at `address`."""
        return Site(address, self.process, self.honest, self.stranger, self._database)

    @property
    def url(self) -> str:
        return f"http://{self.address}/graphql"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.address}/graphql"

    async def items(self) -> Counter[tuple[str, str]]:
        """Returns the number of items by owner and title."""
        rows = await self._database.fetch(
            "SELECT name, title, count(*) FROM items JOIN users ON users.id = owner_id "
            "WHERE owner_id = ANY ($1) GROUP BY name, title",
            [person.key for person in (*self.honest, self.stranger)],
        )
        return Counter({(row["name"], row["title"]): row["count"] for row in rows})

    async def assert_serves_everybody(self) -> None:
        """Asserts that honest clients get their own responses, and only their items are created."""
        before = await self.items()
        for person in self.honest:
            async with connected(self.address) as wire:
                assert_is_of(await viewer(wire, person), person)
                await self._write(wire, person)
                assert_is_of(await viewer(wire, person), person)
        assert await self.items() - before == self._written(1)

    async def create_item(self, person: Person) -> None:
        """Creates an item on a new connection."""
        async with connected(self.address) as wire:
            await self._write(wire, person)

    async def _write(self, wire: Wire, person: Person) -> None:
        wire.send(request(operation(CREATE, title=HONEST), token=person.token))
        response = await wire.response()
        assert response.status == 200, response
        assert response.json().get("data") == {"createItem": {"item": {"title": HONEST}}}, response

    def _written(self, times: int) -> Counter[tuple[str, str]]:
        return Counter({(person.name, HONEST): times for person in self.honest})

    async def send_and_go(self, data: bytes) -> None:
        """Sends the bytes as the stranger, waits a moment for a response, and disconnects."""
        async with connected(self.address) as wire:
            wire.send(data)
            await wire.some(NEVER_SECONDS)

    async def attack(self, *parts: bytes) -> None:
        """Sends the parts as the stranger; checks honest clients after each part and at the end."""
        before = await self.items()
        async with connected(self.address) as wire:
            for part in parts:
                wire.send(part)
                await wire.some(NEVER_SECONDS)
                await self.assert_serves_everybody()
        await self.assert_serves_everybody()
        assert await self.items() - before == self._written(len(parts) + 1)


async def viewer(wire: Wire, person: Person) -> Response:
    """Sends a query for the viewer's name; returns the response."""
    wire.send(request(operation(VIEWER), headers=JSON, token=person.token))
    return await wire.response()


def assert_is_of(response: Response, person: Person) -> None:
    assert response.status == 200, response
    assert response.json().get("data") == {"viewer": {"name": person.name}}, response
