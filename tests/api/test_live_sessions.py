"""Subscriptions of one user in several sessions: each gets results for its own session."""

from datetime import timedelta
from typing import Any

from tests.client import Api, Member
from tests.live import change, subscribed
from weft.auth.tokens import AccessTokens

SESSIONS = """subscription { itemChanged {
    kind item { owner { sessions { id isCurrent } } } cursor } }"""


async def session_elsewhere(api: Api, user: Member) -> Member:
    """Opens another session of the same user."""
    now = api.clock()
    session: Any = await api.connection.fetchval(
        "INSERT INTO sessions (user_id, opened_at, expires_at) VALUES ($1, $2, $3) RETURNING id",
        user.key,
        now,
        now + timedelta(days=1),
    )
    tokens = AccessTokens(
        key_id=api.settings.secret_key_id, secret=api.settings.secret.get_secret_value()
    )
    return Member(user.key, tokens.issue(str(user.key), session, now)[0])


class TestIsCurrent:
    async def test_each_subscriber_sees_its_own_session_as_current(
        self, api: Api, url: str
    ) -> None:
        here = await api.user()
        there = await session_elsewhere(api, here)
        async with (
            subscribed(url, here, SESSIONS) as first,
            subscribed(url, there, SESSIONS) as second,
        ):
            await api.item(here)
            told = [
                (await change(socket))["item"]["owner"]["sessions"] for socket in (first, second)
            ]
        # The newest comes first.
        assert [[session["isCurrent"] for session in sessions] for sessions in told] == [
            [False, True],
            [True, False],
        ]


class TestCredentials:
    async def test_token_of_another_session_closes_the_socket(self, api: Api, url: str) -> None:
        here = await api.user()
        there = await session_elsewhere(api, here)
        async with subscribed(url, here) as socket:
            await socket.ping(Authorization=f"Bearer {here.token}")
            await socket.send("ping", payload={"Authorization": f"Bearer {there.token}"})
            assert await socket.closed() == (4403, "These credentials are another viewer's")
