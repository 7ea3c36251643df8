"""Live updates between processes, and from writers outside the application."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Self

import gql
import httpx
import pytest

from settings import Settings
from tests.client import Api, Member
from tests.processes import Process, serving
from tests.waiting import PATIENCE_SECONDS, soon, until

CHANGES = gql.gql("subscription { itemChanged { kind id item { title } cursor } }")
RENAME = """mutation ($id: ID!, $title: String!) {
    updateItem(input: {id: $id, title: $title}) { item { title } errors { code } }
}"""
HIDE = """mutation ($id: ID!) {
    updateItem(input: {id: $id, status: DRAFT}) { item { id } errors { code } }
}"""


@pytest.fixture
async def other(api: Api, settings: Settings) -> AsyncGenerator[Process]:
    """Another server process with the same database and Redis."""
    async with serving(settings) as process:
        yield process


class Subscriber:
    """A subscriber; after `settle`, its subscription is known to have started."""

    def __init__(self, api: Api, events: AsyncGenerator[dict[str, Any]]) -> None:
        self._events = events
        self._api = api

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # A client closed with an open subscription would wait ten seconds for it.
        await self._events.aclose()

    async def next(self) -> dict[str, Any]:
        return (await soon(anext(self._events)))["itemChanged"]

    async def settle(self, owner: Member) -> None:
        """Creates items until an event arrives; then reads up to the event of the last item."""
        heard = asyncio.ensure_future(self.next())
        written = [await self._api.item(owner, "Knock")]
        while not heard.done():
            await asyncio.wait([heard], timeout=0.1)
            if not heard.done():
                written.append(await self._api.item(owner, "Knock"))
        last = await heard
        while last["id"] != written[-1]:
            last = await self.next()


class TestItemChanged:
    async def test_mutation_in_one_process_reaches_a_socket_of_another(
        self, api: Api, other: Process
    ) -> None:
        owner = await api.user()
        id = await api.item(owner)
        async with (
            other.socket() as session,
            Subscriber(api, session.subscribe(CHANGES)) as subscriber,
        ):
            await subscriber.settle(owner)
            await api.data(RENAME, {"id": id, "title": "Renamed"}, by=owner)
            change = await subscriber.next()
        assert change == {
            "kind": "UPDATED",
            "id": id,
            "item": {"title": "Renamed"},
            "cursor": change["cursor"],
        }

    async def test_update_in_sql_reaches_a_socket(self, api: Api, other: Process) -> None:
        owner = await api.user()
        id = await api.item(owner)
        async with (
            other.socket() as session,
            Subscriber(api, session.subscribe(CHANGES)) as subscriber,
        ):
            await subscriber.settle(owner)
            await api.connection.execute("UPDATE items SET title = 'By hand' WHERE title = 'Item'")
            change = await subscriber.next()
        assert (change["kind"], change["id"], change["item"]) == (
            "UPDATED",
            id,
            {"title": "By hand"},
        )

    async def test_each_subscriber_gets_only_what_the_viewer_may_see(
        self, api: Api, other: Process
    ) -> None:
        owner = await api.user()
        draft = await api.item(owner, "Draft", status="DRAFT")
        public = await api.item(owner, "Public")
        async with (
            other.socket() as stranger,
            other.socket(owner.token) as member,
            Subscriber(api, stranger.subscribe(CHANGES)) as told_stranger,
            Subscriber(api, member.subscribe(CHANGES)) as told_owner,
        ):
            await told_stranger.settle(owner)
            await told_owner.settle(owner)
            for id in (draft, public):
                await api.data(RENAME, {"id": id, "title": "Renamed"}, by=owner)
            heard_by_stranger = await told_stranger.next()
            while heard_by_stranger["item"] == {"title": "Knock"}:
                heard_by_stranger = await told_stranger.next()
            heard_by_owner = [await told_owner.next(), await told_owner.next()]
        assert heard_by_stranger["id"] == public
        assert [change["id"] for change in heard_by_owner] == [draft, public]

    async def test_item_that_is_hidden_gives_one_event_without_the_item(
        self, api: Api, other: Process
    ) -> None:
        owner = await api.user()
        id = await api.item(owner)
        async with (
            other.socket() as session,
            Subscriber(api, session.subscribe(CHANGES)) as subscriber,
        ):
            await subscriber.settle(owner)
            await api.data(HIDE, {"id": id}, by=owner)
            await api.data(RENAME, {"id": id, "title": "Secret"}, by=owner)
            last = await api.item(owner, "Last")
            hidden, after = await subscriber.next(), await subscriber.next()
        assert (hidden["kind"], hidden["id"], hidden["item"]) == ("UPDATED", id, None)
        assert after["id"] == last


class TestHealth:
    async def test_health_shows_the_leader_and_the_lag_of_the_log(
        self, api: Api, other: Process
    ) -> None:
        details: list[dict[str, Any]] = []

        async def one_leads() -> bool:
            answers = [
                await api.http.get("/health/ready"),
                await http.get(other.url.replace("/graphql", "/health/ready")),
            ]
            details[:] = [answer.json()["details"] for answer in answers]
            return any(each["relay_leads"] for each in details)

        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            await until(one_leads)  # a new server has not tried to become the leader yet
        assert sorted(each["relay_leads"] for each in details) == [False, True]
        assert all(0 <= each["relay_lag_seconds"] < PATIENCE_SECONDS for each in details)
