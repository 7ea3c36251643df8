"""Live updates as server-sent events, parsed as by `EventSource`."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from tests.client import Api
from tests.live import CHANGES, change, subscribed
from tests.sockets import address_of
from tests.waiting import PATIENCE_SECONDS
from weft.changes.change import Point
from weft.changes.cursor import Cursors


class Events:
    """A client that parses server-sent events as EventSource does (HTML, 9.2.6)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_event_id: str | None = None
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str]:
        """Returns the type and the data of the next event; empty strings at the end."""
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
    async def test_stream_resumes_after_the_last_event_id(
        self, api: Api, server: uvicorn.Server, url: str, method: str
    ) -> None:
        owner = await api.user()
        # A first event, whose cursor the stream resumes from.
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

    async def test_stream_continues_with_live_events(
        self, api: Api, server: uvicorn.Server, url: str
    ) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
        async with streaming(server, CHANGES, last_event_id=cursor) as events:
            for number in range(3):
                await api.item(owner, f"Item {number}")
                assert (await events.change())["item"]["title"] == f"Item {number}"

    async def test_query_gives_one_event_and_complete(self, server: uvicorn.Server) -> None:
        async with streaming(server, "{ __typename }", method="POST") as events:
            assert await events.next() == (
                "next",
                '{"data":{"__typename":"Query"},"extensions":{"cost":0}}',
            )
            assert await events.next() == ("complete", "")
            assert await events.next() == ("", "")

    @pytest.mark.parametrize(
        "query", ["{ nothing }", 'subscription { itemChanged(after: "x") { id } }']
    )
    async def test_error_gives_one_event_and_complete(
        self, server: uvicorn.Server, query: str
    ) -> None:
        async with streaming(server, query) as events:
            type_, data = await events.next()
            assert type_ == "next"
            assert json.loads(data)["errors"]
            assert (await events.next())[0] == "complete"

    async def test_expired_cursor_gives_an_error(self, api: Api, server: uvicorn.Server) -> None:
        cursor = Cursors(api.settings.secret.get_secret_value()).encode(Point(99_999, b"a mark"))
        async with streaming(server, CHANGES, last_event_id=cursor) as events:
            _, data = await events.next()
            assert json.loads(data)["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"

    async def test_bad_credentials_get_401(self, server: uvicorn.Server) -> None:
        async with streaming(server, CHANGES, authorization="Bearer bad") as events:
            assert events.response.status_code == 401

    async def test_mutation_by_get_is_refused(self, server: uvicorn.Server) -> None:
        async with streaming(server, "mutation { signOut { signedOut } }") as events:
            assert "errors" in (await events.next())[1]

    async def test_stream_ends_with_its_session(
        self, api: Api, server: uvicorn.Server, url: str
    ) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
        token = f"Bearer {owner.token}"
        async with streaming(server, CHANGES, authorization=token, last_event_id=cursor) as events:
            await api.item(owner)
            await events.change()  # the stream is open
            await api.connection.execute("DELETE FROM sessions")
            assert await events.next() == ("", "")
