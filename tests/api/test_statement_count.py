"""How many statements a field takes: as many for 50 parents as for one."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_abstract_type, is_leaf_type, is_list_type
from graphql import get_nullable_type as nullable

from schema import build_schema
from settings import Settings
from tests.client import Api, Member
from weft.declare.fields import Kind, WeftField

# A selection that reads the field of `$count` parents, or gives `$count` rows, and the number of
# statements that it takes, with that of the root field.
TYPES = {"count": "Int", "ids": "[ID!]!", "some": "ID!", "user": "ID!"}
COSTS = {
    "Query.viewer": (
        "viewer { id } users(first: $count) { nodes { id } }",
        2,
    ),
    "Query.node": ("node(id: $some) { id }", 1),
    "Query.nodes": ("nodes(ids: $ids) { id }", 1),
    "Query.user": ("user(id: $user) { id }", 1),
    "Query.users": ("users(first: $count) { nodes { id } }", 1),
    "Query.item": ("item(id: $some) { id }", 1),
    "Query.items": ("items(first: $count) { nodes { id } }", 1),
    "User.email": ("users(first: $count) { nodes { email } }", 1),
    "User.emailVerified": ("users(first: $count) { nodes { emailVerified } }", 1),
    "User.suspendedAt": ("users(first: $count) { nodes { suspendedAt } }", 1),
    "User.sessions": ("users(first: $count) { nodes { sessions { id } } }", 2),
    "ActiveSession.isCurrent": ("users(first: $count) { nodes { sessions { isCurrent } } }", 2),
    "Query.auditLog": ("auditLog(first: $count) { nodes { detail } }", 1),
    "AuditEntryConnection.edges": ("auditLog(first: $count) { edges { cursor } }", 1),
    "AuditEntryConnection.nodes": ("auditLog(first: $count) { nodes { at } }", 1),
    "AuditEntryConnection.pageInfo": ("auditLog(first: $count) { pageInfo { endCursor } }", 1),
    "AuditEntryEdge.node": ("auditLog(first: $count) { edges { node { at } } }", 1),
    "AuditEntry.actor": ("auditLog(first: $count) { nodes { actor { name } } }", 2),
    "AuditEntry.subject": ("auditLog(first: $count) { nodes { subject { name } } }", 2),
    "User.items": (
        "users(first: $count) { nodes { items(first: 3) { nodes { id } } } }",
        2,
    ),
    "User.itemCount": ("users(first: $count) { nodes { itemCount } }", 2),
    "UserConnection.edges": (
        "users(first: $count) { edges { cursor } }",
        1,
    ),
    "UserConnection.nodes": ("users(first: $count) { nodes { name } }", 1),
    "UserConnection.pageInfo": (
        "users(first: $count) { pageInfo { endCursor hasNextPage } }",
        1,
    ),
    "UserConnection.totalCount": ("users(first: $count) { totalCount }", 2),
    "UserEdge.node": (
        "users(first: $count) { edges { node { name } } }",
        1,
    ),
    "Item.tags": ("items(first: $count) { nodes { tags } }", 1),
    "Item.owner": ("items(first: $count) { nodes { owner { name } } }", 2),
    "ItemConnection.edges": (
        "users(first: $count) { nodes { items { edges { cursor } } } }",
        2,
    ),
    "ItemConnection.nodes": (
        "users(first: $count) { nodes { items { nodes { title } } } }",
        2,
    ),
    "ItemConnection.pageInfo": (
        "users(first: $count) { nodes { items { pageInfo { endCursor } } } }",
        2,
    ),
    "ItemConnection.totalCount": (
        "users(first: $count) { nodes { items { totalCount } } }",
        3,
    ),
    "ItemEdge.node": (
        "users(first: $count) { nodes { items { edges { node { id } } } } }",
        2,
    ),
}


def costly_fields() -> set[str]:
    """Returns every field that may load rows, of every type that a query can reach."""
    schema = build_schema()
    query = schema.graphql_schema.query_type
    assert query is not None
    costly: set[str] = set()
    pending, seen = [query], set[str]()
    while pending:
        type_ = pending.pop()
        if type_.name in seen:
            continue
        seen.add(type_.name)
        for name, field in type_.fields.items():
            named = get_named_type(field.type)
            declared = field.extensions["strawberry-definition"]
            assert isinstance(declared, WeftField)
            computed = declared.spec.kind not in (Kind.COLUMN, Kind.DERIVED)
            if computed or not is_leaf_type(named) or is_list_type(nullable(field.type)):
                costly.add(f"{type_.name}.{name}")
            if is_abstract_type(named):
                pending += schema.graphql_schema.get_possible_types(named)
            elif isinstance(named, GraphQLObjectType):
                pending.append(named)
    return costly


async def statements_of(
    api: Api, selection: str, variables: dict[str, Any], by: Member | None = None
) -> int:
    """Returns how many statements a selection takes; it must succeed."""
    used = [name for name in TYPES if f"${name}" in selection]
    declared = ", ".join(f"${name}: {TYPES[name]}" for name in used)
    text = f"query ({declared}) {{ {selection} }}" if used else f"{{ {selection} }}"
    api.statements.clear()
    await api.data(text, {name: variables[name] for name in used}, by)
    return len(api.statements)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Turns off the cache and the memory, which save statements or split one in two."""
    return settings.model_copy(update={"cache": "off", "row_memory_bytes": 0})


@pytest.fixture
async def variables(api: Api) -> dict[str, Any]:
    """Makes 50 users with two items each; returns the variables of the operations here."""
    owners = [await api.user() for _ in range(50)]
    ids = [await api.item(owner) for owner in owners for _ in range(2)]
    await api.connection.execute(
        "INSERT INTO audit_entries (at, actor_id, actor_name, action, subject_id, subject_name) "
        "SELECT now(), id, name, 'SET_ROLE', id, name FROM users"
    )
    return {"ids": ids[:50], "some": ids[0], "user": owners[0].id}


class TestStatementCount:
    async def test_statements_are_as_many_for_50_parents_as_for_one(
        self, api: Api, variables: dict[str, Any]
    ) -> None:
        admin = await api.user(admin=True)
        await api.data("{ viewer { id } }", by=admin)
        of_session = await statements_of(api, "__typename", {}, admin)
        costs: dict[str, list[int]] = {}
        for coordinate, (selection, _) in COSTS.items():
            costs[coordinate] = []
            for count in (1, 50):
                given = variables | {"ids": variables["ids"][:count], "count": count}
                cost = await statements_of(api, selection, given, admin) - of_session
                costs[coordinate].append(cost)
        assert costs == {coordinate: [cost, cost] for coordinate, (_, cost) in COSTS.items()}

    def test_every_field_that_may_take_a_statement_is_counted(self) -> None:
        assert costly_fields() == set(COSTS)

    async def test_each_level_takes_one_statement_for_each_field(
        self, api: Api, variables: dict[str, Any]
    ) -> None:
        selection = """users(first: $count) { nodes {
            items(first: 2) { totalCount nodes { owner { itemCount items(first: 1) {
                nodes { owner { name } } } } } } } }"""
        costs = [await statements_of(api, selection, {"count": count}) for count in (1, 50)]
        # Users; items, their counts, their owners; the owners' counts and items, with known owners.
        assert costs == [6, 6]

    async def test_no_rows_are_counted_unless_a_count_is_selected(
        self, api: Api, variables: dict[str, Any]
    ) -> None:
        selection = """users { nodes { items { nodes { id } pageInfo { hasNextPage } } } }
            items { edges { cursor } }"""
        assert await statements_of(api, selection, {}) == 3
        assert not [sql for sql in api.statements if "count(" in sql.lower()]

    async def test_parents_of_mixed_visibility_share_their_statements(
        self, api: Api, variables: dict[str, Any]
    ) -> None:
        owner, other = await api.user(), await api.user()
        await api.item(owner, "Mine", status="DRAFT")
        await api.item(other, "Not mine", status="DRAFT")
        selection = """nodes(ids: $ids) { ... on User {
            items(filter: {status: [DRAFT]}) { totalCount nodes { title } } } }"""
        ids = {"ids": [other.id, owner.id, variables["user"]]}
        found = await api.data(f"query ($ids: [ID!]!) {{ {selection} }}", ids, owner)
        assert [node["items"] for node in found["nodes"]] == [
            {"totalCount": 0, "nodes": []},
            {"totalCount": 1, "nodes": [{"title": "Mine"}]},
            {"totalCount": 0, "nodes": []},
        ]
        of_session = await statements_of(api, "__typename", {}, owner)
        assert await statements_of(api, selection, ids, owner) - of_session == 3
