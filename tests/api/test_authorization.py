"""Tests the authorization matrix of `authorization.txt`, which says who may do what."""

from collections import defaultdict
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
)

from schema import build_schema
from tests.api.authorization import OPERATIONS, ROLES, WAYS, Row, new_scene, read_table
from tests.client import Api
from tests.live import change, subscribed
from tests.sockets import Socket

TABLE = read_table()
ROOTS = ("Query", "Mutation", "Subscription")
OUTCOMES = {"FORBIDDEN": "no", "NOT_FOUND": "none"}


def coordinates(schema: GraphQLSchema) -> set[str]:
    """Returns every field of every type of the schema, without introspection."""
    return {
        f"{type_.name}.{name}"
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        and not is_introspection_type(type_)
        for name in type_.fields
    }


def selection(type_name: str, fields: list[str]) -> str:
    """Returns a selection of the fields; those of objects select their `__typename`."""
    type_: Any = build_schema().graphql_schema.type_map[type_name]
    leaves = {name: is_leaf_type(get_named_type(type_.fields[name].type)) for name in fields}
    return " ".join(name if leaf else f"{name} {{ __typename }}" for name, leaf in leaves.items())


def outcome(answer: dict[str, Any], name: str) -> str:
    """Returns the outcome of a field, wherever it stands in the response."""
    codes: list[str] = [
        error["extensions"]["code"]
        for error in answer.get("errors", ())
        if error["path"][-1] == name
    ]
    if codes:
        return OUTCOMES.get(codes[0], codes[0])
    return "none" if found(answer["data"], name) is None else "yes"


def found(value: Any, name: str) -> Any:
    """Returns the first value under this name that is not null or `[null]`; None without one."""
    if isinstance(value, list):
        return next((hit for part in value if (hit := found(part, name)) is not None), None)
    if not isinstance(value, dict):
        return None
    if name in value:
        present = value[name]
        return None if present == [None] else present
    return found(list(value.values()), name)


def by_type() -> dict[str, list[Row]]:
    grouped = defaultdict[str, list[Row]](list)
    for row in TABLE:
        if row.type_name in WAYS:
            grouped[row.type_name].append(row)
    return grouped


def ids(row: Row) -> str:
    return row.coordinate + (" of a draft" if row.is_of_a_draft else "")


class TestTable:
    def test_table_has_every_field_of_the_schema_and_no_other(self) -> None:
        told = {row.coordinate for row in TABLE}
        assert sorted(coordinates(build_schema().graphql_schema) ^ told) == []

    def test_every_row_of_the_table_is_queried(self) -> None:
        asked = {*OPERATIONS, "Subscription.itemChanged"}
        roots = {row.coordinate for row in TABLE if row.type_name in ROOTS}
        types = {row.type_name for row in TABLE} - {*ROOTS, "ItemChange"}
        assert (sorted(asked ^ roots), sorted(types ^ set(WAYS))) == ([], [])


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.type_name in ("Query", "Mutation")], ids=ids
)
class TestRoot:
    async def test_root_field_is_answered_to_the_roles_of_the_table(
        self, api: Api, row: Row
    ) -> None:
        for role in ROLES:
            scene = await new_scene(api, draft=row.is_of_a_draft)
            text = OPERATIONS[row.coordinate].replace("...", "errors { code }")
            answer = await scene.ask(text, role)
            problems = found(answer["data"], "errors") if row.type_name == "Mutation" else None
            if problems:
                told = OUTCOMES.get(problems[0]["code"], problems[0]["code"])
            else:
                told = outcome(answer, row.field_name)
            assert told == row.outcomes[role], (role, answer)
            await api.connection.execute("TRUNCATE users CASCADE")


@pytest.mark.parametrize("type_name", WAYS)
class TestField:
    async def test_field_is_answered_to_the_roles_of_the_table(
        self, api: Api, type_name: str
    ) -> None:
        rows = by_type()[type_name]
        fields = selection(type_name, [row.field_name for row in rows])
        for role in ROLES:
            scene = await new_scene(api)
            if type_name == "User":  # its time of suspension is null otherwise
                await api.connection.execute("UPDATE users SET suspended_at = now()")
            answer = await scene.ask(WAYS[type_name].replace("...", fields), role)
            told = {row.coordinate: outcome(answer, row.field_name) for row in rows}
            assert told == {row.coordinate: row.outcomes[role] for row in rows}, (role, answer)
            await api.connection.execute("TRUNCATE users CASCADE")


async def update(socket: Socket) -> dict[str, Any]:
    """Returns the next update; on a busy machine the items' creation events come before it."""
    while (told := await change(socket))["kind"] != "UPDATED":
        pass
    return told


class TestItemChanged:
    @pytest.mark.parametrize("role", ROLES)
    async def test_changes_are_sent_to_the_roles_of_the_table(
        self, api: Api, url: str, role: str
    ) -> None:
        """The draft is changed first, so viewers who see it get its event first."""
        scene = await new_scene(api, draft=True)
        owner = scene.viewers["owner"]
        assert owner is not None
        seen = await api.item(owner)
        async with subscribed(url, scene.viewers[role]) as socket:
            await api.connection.execute("UPDATE items SET title = 'New' WHERE status = 'DRAFT'")
            await api.connection.execute("UPDATE items SET title = 'New' WHERE status <> 'DRAFT'")
            told = [await update(socket)]
            if told[0]["id"] == scene.variables["item"]:
                told.append(await update(socket))
        assert told[-1]["id"] == seen
        of_draft = {False: "none", True: "yes"}[len(told) == 2]
        for row in TABLE:
            if row.coordinate == "Subscription.itemChanged":
                assert (of_draft if row.is_of_a_draft else "yes") == row.outcomes[role]
            if row.type_name == "ItemChange":
                assert outcome({"data": told[-1]}, row.field_name) == row.outcomes[role]
