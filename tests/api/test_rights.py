"""Every mutation needs rights that still hold when it commits."""

import asyncio
from typing import Any

import asyncpg
import pytest

from schema import build_schema
from tests.api.authorization import OPERATIONS, Scene, new_scene, read_table
from tests.client import Api
from tests.waiting import until
from weft.declare.identity import key_of

REST_ON_NO_SESSION = {
    "signUp": "anybody may",
    "signIn": "the password",
    "refreshSession": "the refresh token",
    "requestPasswordReset": "anybody may",
    "resetPassword": "the token of the mail",
    "verifyEmail": "the token of the mail",
}
"""Mutations that need no viewer, and what they rest on; all others need a session."""

ENDS = {
    "signed out": "DELETE FROM sessions WHERE user_id = $1",
    "expired": "UPDATE sessions SET expires_at = now() WHERE user_id = $1",
    "suspended": "UPDATE users SET suspended_at = now() WHERE id = $1",
    "deleted": "DELETE FROM users WHERE id = $1",
}
DEMOTED = "UPDATE users SET role = 'MEMBER' WHERE id = $1"
FOR_ADMINS = ["setRole", "suspendUser", "restoreUser", "deleteUser", "updateItem", "deleteItem"]
TABLES = (
    "users",
    "sessions",
    "refresh_tokens",
    "items",
    "password_resets",
    "email_verifications",
    "audit_entries",
)
WAITING = """SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'weft write' AND wait_event_type = 'Lock'"""
WAITING_FOR_TABLE = """SELECT count(*) > 0
    FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND locktype = 'relation' AND datname = current_database()"""
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}


def mutations() -> list[str]:
    """Returns the names of all mutations of the schema."""
    type_ = build_schema().graphql_schema.mutation_type
    assert type_ is not None
    return list(type_.fields)


def roles(mutation: str) -> list[str]:
    """Returns which of owner and admin may call a mutation."""
    [row, *_] = (row for row in read_table() if row.coordinate == f"Mutation.{mutation}")
    return [role for role in ("owner", "admin") if row.outcomes[role] == "yes"]


async def contents(api: Api) -> dict[str, Any]:
    return {
        table: await api.connection.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")
        for table in TABLES
    }


def codes(answer: dict[str, Any]) -> set[str]:
    """Returns the codes of the errors of the operation and of its payloads."""
    payloads = [payload for payload in (answer["data"] or {}).values() if payload]
    return {error["extensions"]["code"] for error in answer.get("errors", ())} | {
        error["code"] for payload in payloads for error in payload["errors"]
    }


async def refused_behind(scene: Scene, role: str, mutation: str, end: str) -> set[str]:
    """Returns the error codes of a mutation that loses its rights, and must write nothing."""
    api, viewer = scene.api, scene.viewers[role]
    assert viewer is not None
    text = OPERATIONS[f"Mutation.{mutation}"].replace("...", "errors { code }")
    async with api.connection.transaction():
        await api.connection.execute(f"LOCK TABLE {', '.join(TABLES)} IN EXCLUSIVE MODE")
        asked = asyncio.ensure_future(scene.ask(text, role))
        # Not pg_stat_activity, which shows a transaction the same snapshot each time.
        await until(lambda: asked.done() or api.connection.fetchval(WAITING_FOR_TABLE))
        await api.connection.execute(end, viewer.key)
        before = await contents(api)
    answer = await asked
    assert await contents(api) == before, answer
    return codes(answer)


class TestMutation:
    def test_mutations_without_a_session_exist_in_the_schema(self) -> None:
        assert set(REST_ON_NO_SESSION) <= set(mutations())

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("mutation", [m for m in mutations() if m not in REST_ON_NO_SESSION])
    async def test_mutation_writes_nothing_once_its_session_has_ended(
        self, api: Api, mutation: str, end: str
    ) -> None:
        assert roles(mutation)
        for role in roles(mutation):
            scene = await new_scene(api)
            told = await refused_behind(scene, role, mutation, ENDS[end])
            assert told, mutation
            assert told <= REFUSALS
            await api.connection.execute("TRUNCATE users CASCADE")

    @pytest.mark.parametrize("mutation", FOR_ADMINS)
    async def test_mutation_writes_nothing_by_the_right_of_a_former_admin(
        self, api: Api, mutation: str
    ) -> None:
        scene = await new_scene(api)
        assert await refused_behind(scene, "admin", mutation, DEMOTED) == {"FORBIDDEN"}


class TestOperationThatWaits:
    @pytest.mark.parametrize("mutation", ["updateItem", "deleteItem"])
    @pytest.mark.parametrize("end", [*ENDS, "demoted"])
    async def test_waiting_operation_writes_nothing_once_its_rights_have_ended(
        self, api: Api, database_url: str, mutation: str, end: str
    ) -> None:
        """It waits for a row that another transaction has locked, and has one more to write."""
        admin, owner = await api.user(admin=True), await api.user()
        ids = [await api.item(owner) for _ in range(3)]
        title = ', title: "New"' if mutation == "updateItem" else ""
        fields = [
            f'{name}: {mutation}(input: {{id: "{id}"{title}}}) {{ errors {{ code }} }}'
            for name, id in zip("abc", ids, strict=True)
        ]
        holder = await asyncpg.connect(database_url)
        async with holder.transaction():
            await holder.execute(
                "SELECT FROM items WHERE id = $1 FOR UPDATE", key_of("Item", ids[1])
            )
            asked = asyncio.ensure_future(
                api.answer(f"mutation {{ {' '.join(fields)} }}", by=admin)
            )
            await until(lambda: api.connection.fetchval(WAITING))
            await api.connection.execute(ENDS.get(end, DEMOTED), admin.key)
        await holder.close()
        refusal = "FORBIDDEN" if end == "demoted" else "UNAUTHENTICATED"
        assert codes(await asked) == {refusal}
        rows = await api.connection.fetch("SELECT id FROM items WHERE title = 'Item' ORDER BY id")
        assert [row["id"] for row in rows] == [key_of("Item", id) for id in ids[1:]]
