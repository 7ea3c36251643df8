"""E-mail addresses that count once a mailed token came back; mails by a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from settings import Settings
from tests.api import Api, Member
from tests.mailing import mailing, token_of, told
from tests.schema.test_user_admin import PASSWORD, act, count, sign_in, with_password
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
    """Who signs in by `PASSWORD`."""
    ada = await api.user()
    await with_password(api, ada)
    return ada


async def ask(api: Api, by: Member | None, email: str = NEW, **input: Any) -> list[Any]:
    """The errors of asking for an address, with the right password."""
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
    async def test_counts_once_the_token_comes_back(
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

    async def test_is_proven_by_the_token_alone_and_opens_no_session(
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
    async def test_takes_the_password_or_nothing_is_written(
        self, api: Api, box: Postbox, ada: Member, given: dict[str, Any], error: Any
    ) -> None:
        for email in (NEW, "user1@example.com"):
            asked = {"name": "New", "email": email, **given}
            assert await act(api, ada, "updateProfile", **asked) == [error]
        assert await api.connection.fetchval("SELECT name FROM users") == "Ada"
        assert await count(api, "email_verifications") == 0
        assert box.mails.empty()

    async def test_is_nothing_for_an_account_without_a_password(self, api: Api) -> None:
        assert await ask(api, await api.user()) == [("BAD_CREDENTIALS", ["currentPassword"])]

    async def test_is_answered_and_works_alike_whether_it_is_taken(
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

    async def test_is_not_given_once_it_is_taken(self, api: Api, box: Postbox, ada: Member) -> None:
        await ask(api, ada, NEW.upper())
        token = await token_of(box)
        await api.user()
        await api.connection.execute("UPDATE users SET email = $1 WHERE id <> $2", NEW, ada.key)
        for by in (ada, None):
            assert await verify(api, token, by) == EXPIRED
        assert await accounts(api) == [("user1@example.com", False), (NEW, False)]

    async def test_is_given_to_one_of_many_at_once(self, api: Api, box: Postbox) -> None:
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
    async def test_is_good_once_also_of_many_at_once(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada)
        token = await token_of(box)
        errors = await asyncio.gather(*(verify(api, token) for _ in range(4)))
        assert sorted(map(len, errors)) == [0, 1, 1, 1]
        for used in (token, "", "never given", "\U0001f4a9" * 10_000):
            assert await verify(api, used) == EXPIRED

    async def test_is_stored_as_a_digest(self, api: Api, box: Postbox, ada: Member) -> None:
        await ask(api, ada)
        token = await token_of(box)
        stored: Any = await api.connection.fetchval("SELECT v::text FROM email_verifications v")
        assert token not in stored
        assert token.encode().hex() not in stored

    async def test_is_the_newest(self, api: Api, box: Postbox, ada: Member) -> None:
        await ask(api, ada, "old@weft.test")
        old = await token_of(box)
        await ask(api, ada)
        assert await verify(api, old) == EXPIRED
        assert await verify(api, await token_of(box)) == []
        assert await accounts(api) == [(NEW, True)]

    async def test_is_one_of_many_that_are_asked_for_at_once(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await asyncio.gather(*(ask(api, ada, f"new{number}@weft.test") for number in range(4)))
        tokens = [await token_of(box) for _ in range(4)]
        errors = [await verify(api, token) for token in tokens]
        assert sorted(map(len, errors)) == [0, 1, 1, 1]

    @pytest.mark.parametrize("event", ["password", "reset", "suspension", "time"])
    async def test_is_late_after(self, api: Api, box: Postbox, ada: Member, event: str) -> None:
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

    async def test_of_a_password_reset_is_late_after_the_change(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await act(api, None, "requestPasswordReset", email="user1@example.com")
        reset = await token_of(box)
        await ask(api, ada)
        given = {"token": reset, "newPassword": "a longer passphrase"}
        assert await verify(api, await token_of(box)) == []
        assert await act(api, None, "resetPassword", **given) == EXPIRED


class TestRequestEmailVerification:
    async def test_mails_a_token_for_the_address(self, api: Api, box: Postbox, ada: Member) -> None:
        payload = {"accepted": True, "errors": []}
        assert (await api.data(AGAIN, by=ada))["requestEmailVerification"] == payload
        assert await verify(api, await token_of(box)) == []
        assert await accounts(api) == [("user1@example.com", True)]
        payload = {"accepted": False, "errors": [{"code": "INVALID"}]}
        assert (await api.data(AGAIN, by=ada))["requestEmailVerification"] == payload
        assert box.mails.empty()

    async def test_is_for_those_who_are_signed_in(self, api: Api) -> None:
        payload = {"accepted": False, "errors": [{"code": "FORBIDDEN"}]}
        assert (await api.data(AGAIN))["requestEmailVerification"] == payload


class TestMails:
    async def test_are_few_however_many_are_asked_for_in_a_request(
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

    async def test_are_few_for_one_address_whoever_asks(self, api: Api, box: Postbox) -> None:
        answers: list[Any] = []
        for _ in range(6):
            member = await api.user()
            await with_password(api, member)
            given = {"email": NEW, "currentPassword": PASSWORD}
            answers.append(await api.answer(UPDATE, {"input": given}, member))
        assert ["errors" in answer for answer in answers] == [False] * 5 + [True]

    async def test_say_nothing_that_another_has_written(
        self, api: Api, box: Postbox, ada: Member
    ) -> None:
        await ask(api, ada, name="Buy at evil.test")
        assert "evil" not in (await box.next()).as_string()
