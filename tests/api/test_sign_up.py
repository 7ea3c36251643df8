"""Accounts that begin at once, and those that begin once a mailed token is returned."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from settings import Settings
from tests.api.test_user_admin import act, count, sign_in
from tests.client import Api
from tests.mailing import mailing, token_of, told
from tests.smtp import Postbox

SIGN_UP = """mutation ($input: SignUpInput!) { signUp(input: $input) {
    session { accessToken } viewer { id } errors { code path } } }"""
VERIFY = """mutation ($input: VerifyEmailInput!) { verifyEmail(input: $input) {
    verified session { accessToken refreshToken } viewer { name email emailVerified }
    errors { code path } } }"""
PASSWORD, CHOSEN = "a long passphrase", "the owner's passphrase"
EMAIL = "ada@weft.test"
NOTHING = {"session": None, "viewer": None, "errors": []}
EXPIRED = [("EXPIRED", ["token"])]


@pytest.fixture
async def open_api(
    connection: asyncpg.Connection, settings: Settings, box: Postbox
) -> AsyncIterator[Api]:
    async with mailing(connection, settings, box) as api:
        yield api


@pytest.fixture
async def api(
    connection: asyncpg.Connection, settings: Settings, box: Postbox
) -> AsyncIterator[Api]:
    """Yields a server where accounts begin with a mailed token."""
    async with mailing(connection, settings, box, sign_up="verified") as api:
        yield api


def new(email: str = EMAIL, name: str = "Ada") -> dict[str, Any]:
    return {"input": {"name": name, "email": email, "password": PASSWORD}}


async def sign_up(api: Api, **given: str) -> Any:
    return (await api.data(SIGN_UP, new(**given)))["signUp"]


async def verify(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(VERIFY, {"input": {"token": token, **given}}))["verifyEmail"]


class TestOpen:
    async def test_open_sign_up_gives_a_session_and_mails_a_token(
        self, open_api: Api, box: Postbox
    ) -> None:
        payload = await sign_up(open_api)
        assert payload["session"]
        assert await act(open_api, None, "verifyEmail", token=await token_of(box)) == []
        verified = "SELECT email_verified_at IS NOT NULL FROM users"
        assert await open_api.connection.fetchval(verified)
        payload = await sign_up(open_api, email=EMAIL.upper())
        assert payload == NOTHING | {"errors": [{"code": "TAKEN", "path": ["email"]}]}

    async def test_open_sign_ups_with_one_address_are_limited(self, open_api: Api) -> None:
        answers = [await open_api.answer(SIGN_UP, new()) for _ in range(8)]
        assert ["errors" in answer for answer in answers] == [False] * 6 + [True] * 2


class TestVerified:
    async def test_verified_sign_up_gives_the_session_for_the_token(
        self, api: Api, box: Postbox
    ) -> None:
        assert await sign_up(api) == NOTHING
        assert await count(api, "users") == 0
        payload = await verify(api, await token_of(box), password=CHOSEN)
        viewer = {"name": "Ada", "email": EMAIL, "emailVerified": True}
        assert (payload["verified"], payload["viewer"]) == (True, viewer)
        token = {"authorization": f"Bearer {payload['session']['accessToken']}"}
        response = await api.http.post(
            "/graphql", json={"query": "{ viewer { email } }"}, headers=token
        )
        assert response.json()["data"]["viewer"] == {"email": EMAIL}
        assert await sign_in(api, EMAIL, CHOSEN) == []

    async def test_taken_address_gets_the_same_response_and_cost_as_a_free_one(
        self, api: Api, box: Postbox
    ) -> None:
        await api.user()
        found = [
            await told(api, SIGN_UP, new(email)) for email in ("USER1@example.com", "no@weft.test")
        ]
        assert found[0] == found[1]
        assert found[0][0]["data"]["signUp"] == NOTHING
        taken, free = await box.next(), await box.next()
        assert (taken["to"], taken["subject"]) == (
            "USER1@example.com",
            "You have an account already",
        )
        assert "https://" not in taken.get_content()
        assert (free["to"], free["subject"]) == ("no@weft.test", "Finish signing up")

    async def test_sign_up_with_the_address_of_another_gives_no_access(
        self, api: Api, box: Postbox
    ) -> None:
        await sign_up(api, name="Mallory")
        token = await token_of(box)
        payload = await verify(api, token)
        assert payload["viewer"]["email"] == EMAIL
        assert payload["session"]
        assert await sign_in(api, EMAIL, PASSWORD) == ["BAD_CREDENTIALS"]
        await act(api, None, "requestPasswordReset", email=EMAIL)
        reset = await token_of(box)
        assert await act(api, None, "resetPassword", token=reset, newPassword=CHOSEN) == []
        assert await sign_in(api, EMAIL, CHOSEN) == []

    async def test_unfinished_sign_up_does_not_block_another_with_its_address(
        self, api: Api, box: Postbox
    ) -> None:
        await sign_up(api, name="Mallory")
        first = await token_of(box)
        assert await sign_up(api, name="Ada") == NOTHING
        payload = await verify(api, await token_of(box), password=CHOSEN)
        assert payload["viewer"]["name"] == "Ada"
        assert await act(api, None, "verifyEmail", token=first) == EXPIRED
        assert await count(api, "users") == 1

    async def test_token_is_accepted_once_of_several_concurrent_uses(
        self, api: Api, box: Postbox
    ) -> None:
        for _ in range(2):
            await sign_up(api)
        tokens = [await token_of(box) for _ in range(2)] * 2
        payloads = await asyncio.gather(*(verify(api, token) for token in tokens))
        assert sorted(payload["verified"] for payload in payloads) == [False] * 3 + [True]
        assert await count(api, "users") == 1

    async def test_token_stays_valid_if_the_password_is_refused(
        self, api: Api, box: Postbox
    ) -> None:
        await sign_up(api)
        token = await token_of(box)
        payload = await verify(api, token, password="short")
        assert payload["errors"] == [{"code": "INVALID", "path": ["password"]}]
        assert (await verify(api, token, password=CHOSEN))["verified"]

    async def test_sign_up_expires_after_a_day_and_is_deleted(self, api: Api, box: Postbox) -> None:
        await sign_up(api)
        token = await token_of(box)
        api.clock.ahead = timedelta(days=1)
        assert await act(api, None, "verifyEmail", token=token) == EXPIRED
        await sign_up(api, email="bob@weft.test")
        assert await count(api, "sign_ups") == 1

    async def test_sign_ups_with_one_address_are_limited_whether_it_is_taken(
        self, api: Api
    ) -> None:
        await api.user()
        for email in ("USER1@example.com", EMAIL):
            answers = [await api.answer(SIGN_UP, new(email)) for _ in range(6)]
            assert ["errors" in answer for answer in answers] == [False] * 5 + [True]

    async def test_sign_up_stores_neither_the_token_nor_the_password(
        self, api: Api, box: Postbox
    ) -> None:
        await sign_up(api)
        token = await token_of(box)
        stored: Any = await api.connection.fetchval("SELECT sign_ups::text FROM sign_ups")
        for secret in (token, token.encode().hex(), PASSWORD, "$argon2"):
            assert secret not in stored

    async def test_invalid_sign_up_reports_its_errors(self, api: Api) -> None:
        payload = await sign_up(api, email="nobody")
        assert payload == NOTHING | {"errors": [{"code": "INVALID", "path": ["email"]}]}
