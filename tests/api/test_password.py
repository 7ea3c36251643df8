"""Changes and resets of passwords, with a real mail server; sessions that end."""

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

NEW = "a longer passphrase"
REQUEST = """mutation ($email: String!) {
    requestPasswordReset(input: {email: $email}) { accepted errors { code } } }"""


@pytest.fixture
async def api(
    connection: asyncpg.Connection, settings: Settings, box: Postbox
) -> AsyncIterator[Api]:
    """Yields the whole server, with a mail server."""
    async with mailing(connection, settings, box) as api:
        yield api


async def accepted(api: Api, email: str) -> Any:
    return await api.answer(REQUEST, {"email": email})


class TestChangePassword:
    async def test_change_of_password_ends_all_other_sessions_and_mails_the_user(
        self, api: Api, box: Postbox
    ) -> None:
        ada = await api.user()
        email = await with_password(api, ada)
        assert await sign_in(api, email) == []
        given = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert await act(api, ada, "changePassword", **given) == []
        assert await count(api, "sessions") == 1
        assert (await api.data("{ viewer { id } }", by=ada))["viewer"] == {"id": ada.id}
        assert await sign_in(api, email) == ["BAD_CREDENTIALS"]
        assert await sign_in(api, email, NEW) == []
        mail = await box.next()
        assert (mail["to"], mail["subject"]) == (email, "Your password was changed")

    @pytest.mark.parametrize(
        ("current", "new", "error"),
        [
            ("not the password", NEW, ("BAD_CREDENTIALS", ["currentPassword"])),
            ("", NEW, ("BAD_CREDENTIALS", ["currentPassword"])),
            (PASSWORD, "short", ("INVALID", ["newPassword"])),
            (PASSWORD, "Qwertyuiop123", ("INVALID", ["newPassword"])),
        ],
    )
    async def test_wrong_or_weak_password_is_refused(
        self, api: Api, current: str, new: str, error: tuple[str, list[str]]
    ) -> None:
        ada = await api.user()
        email = await with_password(api, ada)
        given = {"currentPassword": current, "newPassword": new}
        assert await act(api, ada, "changePassword", **given) == [error]
        assert await sign_in(api, email) == []

    async def test_wrong_passwords_are_limited_as_in_sign_ins(self, api: Api) -> None:
        ada = await api.user()
        await with_password(api, ada)
        text = """mutation { changePassword(input: {
            currentPassword: "wrong one", newPassword: "a longer passphrase"
        }) { errors { code } } }"""
        answers = [await api.answer(text, by=ada) for _ in range(11)]
        assert [error["extensions"]["code"] for error in answers[-1]["errors"]] == [
            "TOO_MANY_REQUESTS"
        ]
        assert not any("errors" in answer for answer in answers[:-1])

    async def test_mails_on_a_change_of_password_are_limited(self, api: Api, box: Postbox) -> None:
        ada = await api.user()
        await with_password(api, ada)
        given = f'currentPassword: "{PASSWORD}", newPassword: "{PASSWORD}"'
        field = f"changePassword(input: {{{given}}}) {{ errors {{ code }} }}"
        aliases = " ".join(f"a{number}: {field}" for number in range(8))
        answer = await api.answer(f"mutation {{ {aliases} }}", by=ada)
        assert answer["errors"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        for _ in range(5):
            await box.next()
        assert box.mails.empty()


class TestResetPassword:
    async def test_token_is_accepted_once_and_ends_all_sessions(
        self, api: Api, box: Postbox
    ) -> None:
        ada = await api.user()
        email = await with_password(api, ada)
        await accepted(api, f" {email.upper()} ")
        await accepted(api, email)
        token, other = await token_of(box), await token_of(box)
        given = {"newPassword": NEW}
        assert await act(api, None, "resetPassword", token=token, **given) == []
        assert await api.errors("{ viewer { id } }", by=ada) == [("UNAUTHENTICATED", None)]
        assert await sign_in(api, email, NEW) == []
        for used in (token, other, "never given", ""):
            told = await act(api, None, "resetPassword", token=used, **given)
            assert told == [("EXPIRED", ["token"])]

    async def test_token_is_accepted_once_of_several_concurrent_uses(
        self, api: Api, box: Postbox
    ) -> None:
        email = await with_password(api, await api.user())
        await accepted(api, email)
        token = await token_of(box)
        told = await asyncio.gather(
            *(act(api, None, "resetPassword", token=token, newPassword=NEW) for _ in range(4))
        )
        assert sorted(map(len, told)) == [0, 1, 1, 1]

    async def test_token_expires_after_half_an_hour_or_a_change_of_address(
        self, api: Api, box: Postbox
    ) -> None:
        ada = await api.user()
        email = await with_password(api, ada)
        await accepted(api, email)
        token = await token_of(box)
        given = {"email": "new@weft.test", "currentPassword": PASSWORD}
        assert await act(api, ada, "updateProfile", **given) == []
        assert await act(api, None, "verifyEmail", token=await token_of(box)) == []
        told = await act(api, None, "resetPassword", token=token, newPassword=NEW)
        assert told == [("EXPIRED", ["token"])]
        mail = await box.next()
        assert (mail["to"], mail["subject"]) == (email, "Your e-mail address was changed")
        await accepted(api, "new@weft.test")
        token = await token_of(box)
        api.clock.ahead = timedelta(minutes=30)
        told = await act(api, None, "resetPassword", token=token, newPassword=NEW)
        assert told == [("EXPIRED", ["token"])]

    async def test_one_of_several_tokens_used_concurrently_is_accepted(
        self, api: Api, box: Postbox
    ) -> None:
        email = await with_password(api, await api.user())
        for _ in range(4):
            await accepted(api, email)
        tokens = [await token_of(box) for _ in range(4)]
        errors = await asyncio.gather(
            *(act(api, None, "resetPassword", token=token, newPassword=NEW) for token in tokens)
        )
        assert sorted(map(len, errors)) == [0, 1, 1, 1]

    async def test_reset_verifies_the_address(self, api: Api, box: Postbox) -> None:
        email = await with_password(api, await api.user())
        await accepted(api, email)
        await act(api, None, "resetPassword", token=await token_of(box), newPassword=NEW)
        assert await api.connection.fetchval("SELECT email_verified_at FROM users") is not None

    async def test_token_expires_after_a_change_of_password(self, api: Api, box: Postbox) -> None:
        ada = await api.user()
        await accepted(api, await with_password(api, ada))
        token = await token_of(box)
        given = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert await act(api, ada, "changePassword", **given) == []
        errors = await act(api, None, "resetPassword", token=token, newPassword=NEW)
        assert errors == [("EXPIRED", ["token"])]

    async def test_token_stays_valid_if_the_new_password_is_refused(
        self, api: Api, box: Postbox
    ) -> None:
        await accepted(api, await with_password(api, await api.user()))
        token = await token_of(box)
        told = await act(api, None, "resetPassword", token=token, newPassword="short")
        assert told == [("INVALID", ["newPassword"])]
        assert await act(api, None, "resetPassword", token=token, newPassword=NEW) == []


class TestRequestPasswordReset:
    async def test_request_has_the_same_response_and_cost_for_every_address(
        self, api: Api, box: Postbox
    ) -> None:
        ada, eve = await api.user(), await api.user()
        known = await with_password(api, ada)
        suspended = await with_password(api, eve)
        await api.connection.execute(
            "UPDATE users SET suspended_at = now() WHERE email = $1", suspended
        )
        emails = ("nobody@weft.test", suspended, known)
        found = [await told(api, REQUEST, {"email": email}) for email in emails]
        assert found[0] == found[1] == found[2]
        assert found[0][0]["data"]["requestPasswordReset"] == {"accepted": True, "errors": []}
        assert await count(api, "password_resets") == 3
        assert (await box.next())["to"] == known
        assert box.mails.empty()

    async def test_token_itself_is_not_stored(self, api: Api, box: Postbox) -> None:
        await accepted(api, await with_password(api, await api.user()))
        token = await token_of(box)
        whole_row = "SELECT password_resets::text FROM password_resets"
        stored: Any = await api.connection.fetchval(whole_row)
        assert token not in stored
        assert token.encode().hex() not in stored

    async def test_requests_for_one_account_are_limited(self, api: Api) -> None:
        answers = [await accepted(api, "nobody@weft.test") for _ in range(6)]
        assert ["errors" in answer for answer in answers] == [False] * 5 + [True]

    async def test_expired_requests_are_deleted(self, api: Api) -> None:
        await accepted(api, "nobody@weft.test")
        api.clock.ahead = timedelta(minutes=30)
        await accepted(api, "somebody@weft.test")
        assert await count(api, "password_resets") == 1


class TestSessions:
    LISTED = "{ viewer { sessions { id isCurrent openedAt expiresAt } } }"

    async def listed(self, api: Api, by: Member) -> list[Any]:
        return (await api.data(self.LISTED, by=by))["viewer"]["sessions"]

    async def test_sessions_are_listed_newest_first_and_end_one_by_one(self, api: Api) -> None:
        ada = await api.user()
        email = await with_password(api, ada)
        assert await sign_in(api, email) == []
        newest, current = await self.listed(api, ada)
        assert (newest["isCurrent"], current["isCurrent"]) == (False, True)
        assert await act(api, ada, "endSession", id=newest["id"]) == []
        assert await act(api, ada, "endSession", id=newest["id"]) == [("NOT_FOUND", ["id"])]
        assert await self.listed(api, ada) == [current]
        assert await act(api, ada, "endSession", id=current["id"]) == []
        assert await api.errors("{ viewer { id } }", by=ada) == [("UNAUTHENTICATED", None)]

    async def test_expired_sessions_are_not_listed(self, api: Api) -> None:
        ada = await api.user()
        await api.connection.execute(
            "INSERT INTO sessions (user_id, opened_at, expires_at) VALUES ($1, now(), now())",
            ada.key,
        )
        assert len(await self.listed(api, ada)) == 1
