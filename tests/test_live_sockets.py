"""Live updates over real sockets to one server: sharing, resuming, credentials, streams."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from tests.api import Api, Member
from tests.sockets import PATIENCE_SECONDS, Socket, address_of, connecting, listening
from weft.auth.tokens import AccessTokens

CHANGES = "subscription { itemChanged { kind id item { title owner { name } } cursor } }"
RESUMED = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"


@pytest.fixture
async def server(api: Api) -> AsyncGenerator[uvicorn.Server]:
    async with listening(api.app) as running:
        yield running


@pytest.fixture
def url(server: uvicorn.Server) -> str:
    return f"ws://{address_of(server)}/graphql"


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


def token_for(api: Api, member: Member, seconds: float) -> str:
    """An access token of the member's session that is good for so long."""
    tokens = AccessTokens(
        key_id=api.settings.secret_key_id,
        secret=api.settings.secret.get_secret_value(),
        lifetime=timedelta(seconds=seconds),
    )
    claims = tokens.read(member.token, api.clock())
    return tokens.issue(claims.subject, claims.session_id, datetime.now(UTC))[0]


class TestIdenticalSubscriptions:
    async def test_all_get_the_change_for_one_statement(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(subscribed(url)) for _ in range(20)]
            api.statements.clear()
            id = await api.item(owner, "New")
            changes = [await change(socket) for socket in sockets]
        assert [(c["kind"], c["id"], c["item"]["title"]) for c in changes] == [
            ("CREATED", id, "New")
        ] * 20
        assert len([text for text in api.statements if "FROM items" in text]) == 1

    async def test_of_other_viewers_are_others(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as of_owner, subscribed(url, other) as of_other:
            draft = await api.item(owner, status="DRAFT")
            public = await api.item(owner)
            assert [(await change(of_owner))["id"] for _ in range(2)] == [draft, public]
            assert (await change(of_other))["id"] == public

    async def test_with_other_variables_are_others(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        query = "subscription ($owner: ID) { itemChanged(ownerId: $owner) { id } }"
        async with (
            subscribed(url, query=query, owner=owner.id) as first,
            subscribed(url, query=query, owner=other.id) as second,
        ):
            of_owner, of_other = await api.item(owner), await api.item(other)
            assert (await change(first))["id"] == of_owner
            assert (await change(second))["id"] == of_other

    async def test_that_one_completes_goes_on_for_the_rest(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as first, subscribed(url) as second:
            await first.send("complete", id="1")
            await first.ping()
            id = await api.item(owner)
            assert (await change(second))["id"] == id
            await first.ping()

    async def test_that_resumed_from_different_cursors_become_one(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            ids = [await api.item(owner, f"{number}") for number in range(5)]
            cursors = [(await change(socket))["cursor"] for _ in ids]
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(connecting(url)) for _ in cursors]
            for socket, cursor in zip(sockets, cursors, strict=True):
                await socket.open()
                await socket.subscribe("1", RESUMED, variables={"after": cursor})
            for place, socket in enumerate(sockets):
                missed = [(await change(socket))["id"] for _ in ids[place + 1 :]]
                assert missed == ids[place + 1 :]
                await joined(socket)
            api.statements.clear()
            last = await api.item(owner)
            assert [(await change(socket))["id"] for socket in sockets] == [last] * 5


class TestResume:
    async def test_while_changes_are_written_has_no_gap_and_no_repetition(
        self, api: Api, url: str
    ) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
        written: list[str] = []

        async def write() -> None:
            written.extend([await api.item(owner) for _ in range(100)])

        heard: list[str] = []
        writing = asyncio.create_task(write())
        while len(heard) < 100:
            async with connecting(url) as socket:
                await socket.open()
                await socket.subscribe("1", RESUMED, variables={"after": cursor})
                for _ in range(min(7, 100 - len(heard))):
                    heard_change = await change(socket)
                    heard.append(heard_change["id"])
                    cursor = heard_change["cursor"]
        await writing
        assert heard == written

    async def test_past_the_retention_is_one_explicit_error(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
            await api.item(owner)
            await change(socket)
        await api.connection.execute(
            "WITH gone AS (DELETE FROM changes RETURNING position) "
            "INSERT INTO change_horizon (position) SELECT max(position) FROM gone"
        )
        async with connecting(url) as socket:
            await socket.open()
            await socket.subscribe("1", RESUMED, variables={"after": cursor})
            message = await socket.receive()
            assert (message["id"], message["type"]) == ("1", "error")
            [error] = message["payload"]
            assert error["extensions"]["code"] == "CURSOR_EXPIRED"
            await socket.ping()


class TestVisibility:
    async def test_of_an_owner_does_not_tell_of_the_hidden_one_before(
        self, api: Api, url: str
    ) -> None:
        before, after = await api.user(), await api.user()
        await api.item(before, "Hidden", status="DRAFT")
        query = f'subscription {{ itemChanged(ownerId: "{before.id}") {{ id item {{ title }} }} }}'
        async with subscribed(url, query=query) as socket:
            await api.connection.execute(
                "UPDATE items SET owner_id = $1, status = 'PUBLISHED'", after.key
            )
            shown = await api.item(before)
            assert (await change(socket))["id"] == shown


class TestCredentials:
    async def test_that_expire_close_the_socket(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with connecting(url) as socket:
            await socket.open(Authorization=f"Bearer {token_for(api, owner, 2)}")
            await socket.subscribe("1", CHANGES)
            assert await socket.closed() == (4403, "The credentials have expired")

    async def test_can_be_renewed_on_the_open_socket(self, api: Api, url: str) -> None:
        owner = await api.user()
        expired = asyncio.get_running_loop().time() + 2
        async with connecting(url) as socket:
            await socket.open(Authorization=f"Bearer {token_for(api, owner, 2)}")
            await socket.subscribe("1", CHANGES)
            await socket.ping(Authorization=f"Bearer {owner.token}")
            await asyncio.sleep(max(0, expired - asyncio.get_running_loop().time()))
            id = await api.item(owner, status="DRAFT")
            assert (await change(socket))["id"] == id

    async def test_of_another_viewer_do_not_renew(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as socket:
            await socket.send("ping", payload={"Authorization": f"Bearer {other.token}"})
            assert await socket.closed() == (4403, "These credentials are another viewer's")

    async def test_that_are_revoked_close_the_socket_within_a_second(
        self, api: Api, url: str
    ) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as socket, subscribed(url, other) as unconcerned:
            # As another process, or psql, does it.
            await api.connection.execute("DELETE FROM sessions WHERE user_id = $1", owner.key)
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await socket.closed() == (4403, "The session has ended")
            await unconcerned.ping()

    async def test_of_a_role_that_was_taken_away_close_the_socket(self, api: Api, url: str) -> None:
        admin = await api.user(admin=True)
        async with subscribed(url, admin) as socket:
            await api.connection.execute("UPDATE users SET role = 'MEMBER'")
            assert await socket.closed() == (4403, "Your rights have changed: connect again")


class Events:
    """A client of server-sent events, as EventSource reads them (HTML, 9.2.6)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_event_id: str | None = None
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str]:
        """The type and the data of the next event."""
        type_, data = "message", list[str]()
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not line and (data or type_ != "message"):
                    return type_, "\n".join(data)
                if name == "event":
                    type_ = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last_event_id = value
        return "", ""

    async def change(self) -> dict[str, Any]:
        type_, data = await self.next()
        assert type_ == "next", data
        return json.loads(data)["data"]["itemChanged"]


@asynccontextmanager
async def streaming(
    server: uvicorn.Server, query: str, *, method: str = "GET", **headers: str
) -> AsyncGenerator[Events]:
    parameters: dict[str, Any] = (
        {"params": {"query": query}} if method == "GET" else {"json": {"query": query}}
    )
    async with (
        httpx.AsyncClient(
            base_url=f"http://{address_of(server)}", timeout=PATIENCE_SECONDS
        ) as http,
        http.stream(
            method,
            "/graphql",
            headers={"accept": "text/event-stream"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
            **parameters,
        ) as response,
    ):
        yield Events(response)


class TestEventStream:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_resumes_after_the_last_event_id(
        self, api: Api, server: uvicorn.Server, url: str, method: str
    ) -> None:
        owner = await api.user()
        # That there is a place to begin after.
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
        heard: list[str] = []
        written = [await api.item(owner) for _ in range(5)]
        for _ in written:
            async with streaming(server, CHANGES, method=method, last_event_id=cursor) as events:
                assert events.response.headers["content-type"].startswith("text/event-stream")
                found = await events.change()
                assert events.last_event_id == found["cursor"]
                heard.append(found["id"])
                cursor = found["cursor"]
        assert heard == written

    async def test_goes_on_live(self, api: Api, server: uvicorn.Server, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
        async with streaming(server, CHANGES, last_event_id=cursor) as events:
            for number in range(3):
                await api.item(owner, f"Item {number}")
                assert (await events.change())["item"]["title"] == f"Item {number}"

    async def test_of_a_query_is_one_event_and_complete(self, server: uvicorn.Server) -> None:
        async with streaming(server, "{ __typename }", method="POST") as events:
            assert await events.next() == ("next", '{"data":{"__typename":"Query"}}')
            assert await events.next() == ("complete", "")
            assert await events.next() == ("", "")

    @pytest.mark.parametrize(
        "query", ["{ nothing }", 'subscription { itemChanged(after: "x") { id } }']
    )
    async def test_of_an_error_is_one_event_and_complete(
        self, server: uvicorn.Server, query: str
    ) -> None:
        async with streaming(server, query) as events:
            type_, data = await events.next()
            assert type_ == "next"
            assert json.loads(data)["errors"]
            assert (await events.next())[0] == "complete"

    async def test_with_an_expired_cursor_says_so(self, server: uvicorn.Server) -> None:
        async with streaming(server, CHANGES, last_event_id="Y2hhbmdlOjk5OTk5") as events:
            _, data = await events.next()
            assert json.loads(data)["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"

    async def test_with_bad_credentials_is_401(self, server: uvicorn.Server) -> None:
        async with streaming(server, CHANGES, authorization="Bearer bad") as events:
            assert events.response.status_code == 401

    async def test_by_get_does_not_write(self, server: uvicorn.Server) -> None:
        async with streaming(server, "mutation { signOut { signedOut } }") as events:
            assert "errors" in (await events.next())[1]

    async def test_ends_when_the_session_does(self, api: Api, server: uvicorn.Server) -> None:
        owner = await api.user()
        async with streaming(server, CHANGES, authorization=f"Bearer {owner.token}") as events:
            await api.connection.execute("DELETE FROM sessions")
            assert await events.next() == ("", "")
