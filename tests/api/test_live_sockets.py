"""Live updates over real sockets to one server: sharing, resuming, credentials."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.live import CHANGES, change, joined, subscribed
from tests.sockets import connecting
from tests.waiting import until
from weft.auth.tokens import AccessTokens
from weft.changes.change import BEGINNING
from weft.changes.cursor import Cursors

FEW_CONNECTIONS = """SELECT count(*) <= $1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'"""
RESUMED = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"


class StoppedClock(Clock):
    """A clock that moves only when a test changes `ahead`."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC).replace(microsecond=0)  # tokens have whole seconds

    def __call__(self) -> datetime:
        return self._began + self.ahead


def token_for(api: Api, member: Member, seconds: float) -> str:
    """Returns an access token of the member's session that is valid for `seconds`."""
    tokens = AccessTokens(
        key_id=api.settings.secret_key_id,
        secret=api.settings.secret.get_secret_value(),
        lifetime=timedelta(seconds=seconds),
    )
    claims = tokens.read(member.token, api.clock())
    return tokens.issue(claims.subject, claims.session_id, api.clock())[0]


class TestIdenticalSubscriptions:
    async def test_identical_subscriptions_share_one_statement(self, api: Api, url: str) -> None:
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

    async def test_subscriptions_of_other_viewers_are_not_shared(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as of_owner, subscribed(url, other) as of_other:
            draft = await api.item(owner, status="DRAFT")
            public = await api.item(owner)
            assert [(await change(of_owner))["id"] for _ in range(2)] == [draft, public]
            assert (await change(of_other))["id"] == public

    async def test_subscriptions_with_other_variables_are_not_shared(
        self, api: Api, url: str
    ) -> None:
        owner, other = await api.user(), await api.user()
        query = "subscription ($owner: ID) { itemChanged(ownerId: $owner) { id } }"
        async with (
            subscribed(url, query=query, owner=owner.id) as first,
            subscribed(url, query=query, owner=other.id) as second,
        ):
            of_owner, of_other = await api.item(owner), await api.item(other)
            assert (await change(first))["id"] == of_owner
            assert (await change(second))["id"] == of_other

    async def test_complete_of_one_subscriber_leaves_the_others(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as first, subscribed(url) as second:
            await first.send("complete", id="1")
            await first.ping()
            id = await api.item(owner)
            assert (await change(second))["id"] == id
            await first.ping()

    async def test_subscriptions_resumed_from_different_cursors_get_all_missed_events(
        self, api: Api, url: str
    ) -> None:
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
    async def test_resume_during_writes_has_no_gap_and_no_repetition(
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

    async def test_resume_past_the_retention_is_one_error(self, api: Api, url: str) -> None:
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

    async def test_resume_from_an_invalid_cursor_is_one_error(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with subscribed(url) as socket:
            await api.item(owner)
            cursor = (await change(socket))["cursor"]
            for number, after in enumerate(
                (
                    "",
                    "nonsense",
                    "Y2hhbmdlOjE=",
                    cursor[:-1] + "!",
                    Cursors("foreign").encode(BEGINNING),
                )
            ):
                await socket.subscribe(f"bad {number}", RESUMED, variables={"after": after})
                message = await socket.receive()
                assert (message["id"], message["type"]) == (f"bad {number}", "error")
                [error] = message["payload"]
                assert error["extensions"]["code"] == "BAD_CURSOR"


class TestVisibility:
    async def test_hidden_item_that_changes_its_owner_gives_the_old_one_no_event(
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


class TestExpiry:
    @pytest.fixture
    async def api(self, connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Api]:
        """A server with a stopped clock, so that a token can be valid for less than a second."""
        clock = StoppedClock()
        async with Api(create_app(settings, now=clock), settings, connection, clock, []) as api:
            yield api

    async def test_expiry_closes_the_socket(self, api: Api, url: str) -> None:
        owner = await api.user()
        token = token_for(api, owner, 60)
        api.clock.ahead += timedelta(seconds=59.9)
        async with connecting(url) as socket:
            await socket.open(Authorization=f"Bearer {token}")
            assert await socket.closed() == (4403, "The credentials have expired")

    async def test_fresh_token_postpones_the_expiry(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with connecting(url) as socket:
            await socket.open(Authorization=f"Bearer {token_for(api, owner, 60)}")
            await socket.subscribe("1", CHANGES)
            await socket.ping(Authorization=f"Bearer {owner.token}")
            api.clock.ahead += timedelta(seconds=60)
            await joined(socket)  # every operation checks the token again
            id = await api.item(owner, status="DRAFT")
            assert (await change(socket))["id"] == id


class TestCredentials:
    async def test_token_of_another_viewer_closes_the_socket(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as socket:
            await socket.send("ping", payload={"Authorization": f"Bearer {other.token}"})
            assert await socket.closed() == (4403, "These credentials are another viewer's")

    async def test_revoked_session_closes_the_socket(self, api: Api, url: str) -> None:
        owner, other = await api.user(), await api.user()
        async with subscribed(url, owner) as socket, subscribed(url, other) as unconcerned:
            # As by another process, or psql.
            await api.connection.execute("DELETE FROM sessions WHERE user_id = $1", owner.key)
            assert await socket.closed() == (4403, "The session has ended")
            await unconcerned.ping()

    async def test_change_of_the_role_closes_the_socket(self, api: Api, url: str) -> None:
        admin = await api.user(admin=True)
        async with subscribed(url, admin) as socket:
            await api.connection.execute("UPDATE users SET role = 'MEMBER'")
            assert await socket.closed() == (4403, "Your rights have changed: connect again")


class TestIdleSockets:
    async def test_idle_sockets_hold_no_database_connection(self, api: Api, url: str) -> None:
        owner = await api.user()
        async with AsyncExitStack() as stack:
            for _ in range(50):
                await stack.enter_async_context(subscribed(url, owner))
            # The connections of the process, the relay's, the hub's two, and that of this test.
            kept = api.settings.read_connections + api.settings.write_connections + 4
            # PostgreSQL may still be closing connections of earlier tests.
            await until(lambda: api.connection.fetchval(FEW_CONNECTIONS, kept))
