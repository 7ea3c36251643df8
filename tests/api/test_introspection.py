"""Introspection and suggestions for misspelled names, by setting and by role."""

import json
from typing import Any

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.sockets import address_of, connecting, listening

ASKING = (
    "{ __schema { types { name } } }",
    '{ a: __type(name: "User") { fields { name } } }',
    "{ ...F } fragment F on Query { ... { __schema { queryType { name } } } }",
    "query ($yes: Boolean = true) { __typename @include(if: $yes) __schema { description } }",
)
NEARLY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("{ itms { totalCount } }", {}),
    ("{ items(frst: 1) { totalCount } }", {}),
    ("{ items { totalCont } }", {}),
    ("{ items { nodes { ... on Itm { id } } } }", {}),
    ("{ items(filter: {tag: []}) { totalCount } }", {}),
    ("{ items(filter: {status: [DRAF]}) { totalCount } }", {}),
    ("query ($f: ItemFilter) { items(filter: $f) { totalCount } }", {"f": {"tag": []}}),
    ("query ($f: ItemFilter) { items(filter: $f) { totalCount } }", {"f": {"status": ["DRAF"]}}),
    ("query ($o: ItemOrder) { items(orderBy: $o) { totalCount } }", {"o": {"fild": "TITLE"}}),
)
ROLES = ("stranger", "member", "admin")
SEE: dict[str, set[str]] = {"all": set(ROLES), "admins": {"admin"}, "none": set()}


async def viewers(api: Api) -> dict[str, Member | None]:
    return {
        "stranger": None,
        "member": await api.user(),
        "admin": await api.user(admin=True),
    }


@pytest.mark.parametrize("setting", SEE)
async def test_introspection_is_allowed_for_the_roles_of_the_setting(
    connection: asyncpg.Connection, settings: Settings, setting: str
) -> None:
    told = settings.model_copy(update={"introspection": setting})
    async with Api(create_app(told), told, connection, Clock(), []) as api:
        for role, by in (await viewers(api)).items():
            sees = role in SEE[setting]
            for text in ASKING:
                answer = await api.answer(text, by=by)
                codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
                assert codes == ([] if sees else ["INTROSPECTION_REFUSED"]), (role, text)
            for text, variables in NEARLY:
                answer = json.dumps(await api.answer(text, variables, by))
                assert "errors" in answer
                assert ("Did you mean" in answer) == sees, (role, answer)
            assert (await api.data("{ __typename }", by=by)) == {"__typename": "Query"}


async def test_introspection_is_refused_on_sockets_too(
    connection: asyncpg.Connection, settings: Settings
) -> None:
    told = settings.model_copy(update={"introspection": "admins"})
    async with (
        Api(create_app(told), told, connection, Clock(), []) as api,
        listening(api.app) as server,
    ):
        for role, by in (await viewers(api)).items():
            async with connecting(f"ws://{address_of(server)}/graphql") as socket:
                await socket.open(**({"Authorization": f"Bearer {by.token}"} if by else {}))
                await socket.subscribe("1", ASKING[0])
                message = await socket.receive()
                assert message["type"] == ("next" if role == "admin" else "error")


@pytest.mark.parametrize(("environment", "refused"), [("production", True), ("test", False)])
async def test_introspection_is_for_admins_only_in_production(
    connection: asyncpg.Connection, settings: Settings, environment: str, refused: bool
) -> None:
    told = settings.model_copy(update={"environment": environment, "introspection": None})
    async with Api(create_app(told), told, connection, Clock(), []) as api:
        assert ("errors" in await api.answer(ASKING[0])) == refused
        assert "errors" not in await api.answer(ASKING[0], by=await api.user(admin=True))
