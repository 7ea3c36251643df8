"""E-mail addresses that are verified by a mailed token, with a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from settings import Settings
from tests.api.test_user_admin import PASSWORD, act, count, sign_in, with_password
from tests.client import Api, Member
from tests.mailing import mailing, token_of, told
from tests.smtp import Postbox

UPDATE = """mutation ($input: UpdateProfileInput!) {
    updateProfile(input: $input) { user { name email emailVerified } errors { code path } } }"""
VERIFY = """mutation ($token: String!) { verifyEmail(input: {token: $token}) {
    verified session { accessToken } viewer { email emailVerified } errors { code path } } }"""
AGAIN = "mutation { requestEmailVerification { accepted errors { code } } }"
NEW = "new@weft.test"
EXPIRED = [("EXPIRED", ["token"])]


@pytest.fixture
async def api(
    connection: asyncpg.Connection, settings: Settings, box: Postbox
) -> AsyncIterator[Api]:
    async with mailing(connection, settings, box) as api:
        yield api


@pytest.fixture
async def ada(api: Api) -> Member:
    """A user who can sign in with `PASSWORD`."""
    ada = await api.user()
    await with_password(api, ada)
    return ada


async def ask(api: Api, by: Member | None, email: str = NEW, **input: Any) -> list[Any]:
    """Requests a new address with the right password; returns the errors."""
    return await act(
        api, by, "updateProfile", **{"email": email, "currentPassword": PASSWORD, **input}
    )


async def verify(api: Api, token: str, by: Member | None = None) -> list[Any]:
    return await act(api, by, "verifyEmail", token=token)


async def accounts(api: Api) -> list[tuple[str, bool]]:
    rows = await api.connection.fetch(
        "SELECT email, email_verified_at IS NOT NULL FROM users ORDER BY id"
    )
    return [tuple(row) for row in rows]


class TestNewAddress:
    async def test_new_address_is_used_once_its_token_is_returned(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        input = {"name": "New", "email": " New@WEFT.test ", "currentPassword": PASSWORD}
        user = {"name": "New", "email": "user1@example.com", "emailVerified": False}
        payload = (await api.data(UPDATE, {"input": input}, ada))["updateProfile"]
        assert payload == {"user": user, "errors": []}
        mail = await box.next()
        assert mail["to"] == "New@weft.test"
        assert await accounts(api) == [("user1@example.com", False)]
        await ask(api, ada, "New@weft.test")
        payload = (await api.data(VERIFY, {"token": await token_of(box)}, ada))["verifyEmail"]
        viewer = {"email": "New@weft.test", "emailVerified": True}
        assert payload == {"verified": True, "session": None, "viewer": viewer, "errors": []}
        mail = await box.next()
        assert (mail["to"], mail["subject"]) == (
            "user1@example.com",
            "Your e-mail address was changed",
        )
        assert await sign_in(api, "user1@example.com") == ["BAD_CREDENTIALS"]
        assert await sign_in(api, "new@weft.test") == []

    async def test_new_address_is_proven_by_the_token_alone_and_opens_no_session(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada)
        payload = (await api.data(VERIFY, {"token": await token_of(box)}))["verifyEmail"]
        assert payload == {"verified": True, "session": None, "viewer": None, "errors": []}
        assert await accounts(api) == [(NEW, True)]

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({}, ("INVALID", ["currentPassword"])),
            ({"currentPassword": None}, ("INVALID", ["currentPassword"])),
            ({"currentPassword": ""}, ("INVALID", ["currentPassword"])),
            ({"currentPassword": "not the password"}, ("BAD_CREDENTIALS", ["currentPassword"])),
            ({"currentPassword": "\U0001f4a9" * 10_000}, ("BAD_CREDENTIALS", ["currentPassword"])),
        ],
    )
    async def test_change_of_address_without_the_password_writes_nothing(
        self, api: Api, box: Postbox, ada: Member, given: dict[str, Any], error: Any
    ) -> None:
        for email in (NEW, "user1@example.com"):
            asked = {"name": "New", "email": email, **given}
            assert await act(api, ada, "updateProfile", **asked) == [error]
        assert await api.connection.fetchval("SELECT name FROM users") == "Ada"
        assert await count(api, "email_verifications") == 0
        assert box.mails.empty()

    async def test_account_without_a_password_cannot_change_its_address(self, api: Api) -> None:
        assert await ask(api, await api.user()) == [("BAD_CREDENTIALS", ["currentPassword"])]

    async def test_taken_address_gets_the_same_response_and_cost_as_a_free_one(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await api.user()
        found: list[Any] = []
        emails = (NEW, "USER2@example.com")
        for email in emails:
            input = {"input": {"email": email, "currentPassword": PASSWORD}}
            found.append(await told(api, UPDATE, input, ada))
        assert found[0] == found[1]
        mails = [await box.next() for _ in emails]
        assert [mail["to"].lower() for mail in mails] == [email.lower() for email in emails]
        assert mails[0]["subject"] == mails[1]["subject"]

    async def test_address_that_is_taken_by_then_is_not_given(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada, NEW.upper())
        token = await token_of(box)
        await api.user()
        await api.connection.execute("UPDATE users SET email = $1 WHERE id <> $2", NEW, ada.key)
        for by in (ada, None):
            assert await verify(api, token, by) == EXPIRED
        assert await accounts(api) == [("user1@example.com", False), (NEW, False)]

    async def test_address_is_given_to_one_of_several_concurrent_users(
        self, api: Api, box: Postbox
    ) -> None:
        members = [await api.user() for _ in range(4)]
        for place, member in enumerate(members):
            await with_password(api, member)
            await ask(api, member, NEW.upper() if place % 2 else NEW)
        tokens = [await token_of(box) for _ in members]
        errors = await asyncio.gather(*(verify(api, token) for token in tokens))
        assert sorted(map(len, errors)) == [0, 1, 1, 1]
        assert all(error in ([], EXPIRED) for error in errors)
        assert [email.lower() for email, _ in await accounts(api)].count(NEW) == 1


class TestToken:
    async def test_token_is_accepted_once_of_several_concurrent_uses(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada)
        token = await token_of(box)
        errors = await asyncio.gather(*(verify(api, token) for _ in range(4)))
        assert sorted(map(len, errors)) == [0, 1, 1, 1]
        for used in (token, "", "never given", "\U0001f4a9" * 10_000):
            assert await verify(api, used) == EXPIRED

    async def test_token_is_stored_as_a_digest(self, api: Api, box: Postbox, ada: Member) -> None:
        await ask(api, ada)
        token = await token_of(box)
        stored: Any = await api.connection.fetchval("SELECT v::text FROM email_verifications v")
        assert token not in stored
        assert token.encode().hex() not in stored

    async def test_newest_token_is_the_only_valid_one(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada, "old@weft.test")
        old = await token_of(box)
        await ask(api, ada)
        assert await verify(api, old) == EXPIRED
        assert await verify(api, await token_of(box)) == []
        assert await accounts(api) == [(NEW, True)]

    async def test_one_of_several_tokens_requested_concurrently_is_valid(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await asyncio.gather(*(ask(api, ada, f"new{number}@weft.test") for number in range(4)))
        tokens = [await token_of(box) for _ in range(4)]
        errors = [await verify(api, token) for token in tokens]
        assert sorted(map(len, errors)) == [0, 1, 1, 1]

    @pytest.mark.parametrize("event", ["password", "reset", "suspension", "time"])
    async def test_token_expires_after_each_event(
        self, api: Api, box: Postbox, ada: Member, event: str
    ) -> None:
        await ask(api, ada)
        token, new = await token_of(box), "a longer passphrase"
        if event == "password":
            given = {"currentPassword": PASSWORD, "newPassword": new}
            assert await act(api, ada, "changePassword", **given) == []
        elif event == "reset":
            await act(api, None, "requestPasswordReset", email="user1@example.com")
            reset = await token_of(box)
            assert await act(api, None, "resetPassword", token=reset, newPassword=new) == []
        elif event == "suspension":
            admin = await api.user(admin=True)
            for operation in ("suspendUser", "restoreUser"):
                assert await act(api, admin, operation, id=ada.id) == []
        else:
            api.clock.ahead = timedelta(days=1)
        assert await verify(api, token) == EXPIRED
        assert (await accounts(api))[0][0] == "user1@example.com"

    async def test_password_reset_token_expires_after_the_change_of_address(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await act(api, None, "requestPasswordReset", email="user1@example.com")
        reset = await token_of(box)
        await ask(api, ada)
        given = {"token": reset, "newPassword": "a longer passphrase"}
        assert await verify(api, await token_of(box)) == []
        assert await act(api, None, "resetPassword", **given) == EXPIRED


class TestRequestEmailVerification:
    async def test_request_mails_a_token_for_the_address(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        payload = {"accepted": True, "errors": []}
        assert (await api.data(AGAIN, by=ada))["requestEmailVerification"] == payload
        assert await verify(api, await token_of(box)) == []
        assert await accounts(api) == [("user1@example.com", True)]
        payload = {"accepted": False, "errors": [{"code": "INVALID"}]}
        assert (await api.data(AGAIN, by=ada))["requestEmailVerification"] == payload
        assert box.mails.empty()

    async def test_anonymous_request_is_refused(self, api: Api) -> None:
        payload = {"accepted": False, "errors": [{"code": "FORBIDDEN"}]}
        assert (await api.data(AGAIN))["requestEmailVerification"] == payload


class TestMails:
    async def test_mails_are_limited_however_many_a_request_asks_for(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        texts = (
            f'updateProfile(input: {{email: "x%d@weft.test", currentPassword: "{PASSWORD}"}})'
            " { errors { code } }",
            "requestEmailVerification { accepted }",
        )
        for text in texts:
            aliases = [f"a{n}: {text.replace('%d', str(n))}" for n in range(20)]
            answer = await api.answer(f"mutation {{ {' '.join(aliases)} }}", by=ada)
            assert [error["extensions"]["code"] for error in answer["errors"]] == [
                "TOO_MANY_REQUESTS"
            ]
        assert await count(api, "email_verifications") == 1
        for _ in range(5):
            assert (await box.next())["subject"] == "Verify your e-mail address"
        assert box.mails.empty()

    async def test_mails_to_one_address_are_limited_for_all_users_together(
        self, api: Api, box: Postbox
    ) -> None:
        answers: list[Any] = []
        for _ in range(6):
            member = await api.user()
            await with_password(api, member)
            given = {"email": NEW, "currentPassword": PASSWORD}
            answers.append(await api.answer(UPDATE, {"input": given}, member))
        assert ["errors" in answer for answer in answers] == [False] * 5 + [True]

    async def test_mail_contains_no_text_that_its_requester_wrote(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada, name="Buy at evil.test")
        assert "evil" not in (await box.next()).as_string()
