"""What an account may do before its e-mail address is verified: every mutation is tried."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.api.authorization import OPERATIONS, new_scene
from tests.client import Api, Clock

OWN_ACCOUNT = {
    "Mutation.signUp",
    "Mutation.signIn",
    "Mutation.refreshSession",
    "Mutation.signOut",
    "Mutation.updateProfile",
    "Mutation.changePassword",
    "Mutation.requestPasswordReset",
    "Mutation.resetPassword",
    "Mutation.verifyEmail",
    "Mutation.requestEmailVerification",
    "Mutation.endSession",
}
MUTATIONS = [name for name in OPERATIONS if name.startswith("Mutation.")]
CREATE = 'createItem(input: {title: "T"}) { item { title } errors { code message } }'


@pytest.fixture
async def api(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Api]:
    """Yields a server where unverified accounts may only read."""
    reading = settings.model_copy(update={"unverified_accounts": "read"})
    clock = Clock()
    async with Api(create_app(reading, now=clock), reading, connection, clock, []) as api:
        yield api


def codes(answer: dict[str, Any], name: str) -> list[str]:
    return [error["code"] for error in answer["data"][name]["errors"]]


@pytest.mark.parametrize("coordinate", MUTATIONS)
class TestUnverified:
    async def test_unverified_account_changes_itself_and_nothing_else(
        self, api: Api, coordinate: str
    ) -> None:
        scene = await new_scene(api)
        name = coordinate.partition(".")[2]
        text = OPERATIONS[coordinate].replace("...", "errors { code }")
        role = "owner" if coordinate in OWN_ACCOUNT or "Item" in name else "admin"
        expected = [] if coordinate in OWN_ACCOUNT else ["FORBIDDEN"]
        assert codes(await scene.ask(text, role), name) == expected

    async def test_account_that_has_been_verified_changes_everything(
        self, api: Api, coordinate: str
    ) -> None:
        scene = await new_scene(api)
        await api.connection.execute("UPDATE users SET email_verified_at = now()")
        name = coordinate.partition(".")[2]
        text = OPERATIONS[coordinate].replace("...", "errors { code }")
        role = "owner" if coordinate in OWN_ACCOUNT or "Item" in name else "admin"
        found = codes(await scene.ask(text, role), name)
        assert found == (["INVALID"] if name == "requestEmailVerification" else [])


class TestReading:
    async def test_unverified_account_can_read(self, api: Api) -> None:
        ada = await api.user()
        await api.item(ada, "Mine", status="DRAFT")
        found = await api.data("{ viewer { emailVerified items { nodes { title } } } }", by=ada)
        assert found["viewer"] == {"emailVerified": False, "items": {"nodes": [{"title": "Mine"}]}}


class TestLaterFields:
    async def test_later_fields_of_the_operation_that_signs_up_write_nothing(
        self, api: Api
    ) -> None:
        text = f"""mutation {{
            signUp(input: {{name: "A", email: "a@weft.test", password: "a long passphrase"}}) {{
                session {{ accessToken }} }}
            {CREATE} }}"""
        answer = await api.data(text)
        assert answer["signUp"]["session"]
        assert answer["createItem"]["item"] is None
        (error,) = answer["createItem"]["errors"]
        assert error["code"] == "FORBIDDEN"
        assert "requestEmailVerification" in error["message"]

    async def test_later_fields_of_the_operation_that_verifies_write(self, api: Api) -> None:
        scene = await new_scene(api)
        text = OPERATIONS["Mutation.verifyEmail"].replace("...", "verified")
        answer = await scene.ask(f"{text} {CREATE}", "owner")
        assert answer["data"]["createItem"]["item"] == {"title": "T"}
