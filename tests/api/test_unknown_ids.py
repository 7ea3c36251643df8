"""IDs of objects that do not exist leave nothing in Redis, in any operation."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from redis.asyncio import Redis

from settings import Settings
from tests.api.authorization import WAYS
from tests.client import Api, Member
from tests.sockets import address_of, connecting, listening
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.declare.identity import encode_id

SCHEMA = build_schema(Path("schema/schema.graphql").read_text())
ROOTS = {"Query": "query", "Mutation": "mutation", "Subscription": "subscription"}
TYPES = ("User", "Item", "Session")
ASKED = 50
AT_ONCE = 10
UNKNOWN_KEY = 10**12


def takes_id(type_: Any, above: frozenset[str] = frozenset()) -> bool:
    """Returns whether an argument of this type can contain an ID."""
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType) and named.name not in above:
        return any(takes_id(field.type, above | {named.name}) for field in named.fields.values())
    return named is GraphQLID


def fields_with_ids() -> Iterator[str]:
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                if any(takes_id(argument.type) for argument in field.args.values()):
                    yield f"{type_.name}.{name}"


def literal(type_: Any, id_: str) -> str:
    """Returns a literal of the type, with the ID wherever it takes one."""
    if isinstance(type_, GraphQLNonNull):
        return literal(type_.of_type, id_)
    if isinstance(type_, GraphQLList):
        return f"[{literal(type_.of_type, id_)}]"
    if isinstance(type_, GraphQLInputObjectType):
        wanted = {
            name: field.type
            for name, field in type_.fields.items()
            if takes_id(field.type) or is_required_input_field(field)
        }
        return f"{{{', '.join(f'{name}: {literal(of, id_)}' for name, of in wanted.items())}}}"
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    return f'"{id_}"' if type_ is GraphQLID else {"Int": "1"}.get(type_.name, '"x"')


def arguments(given: dict[str, GraphQLArgument], id_: str) -> str:
    wanted = [
        f"{name}: {literal(argument.type, id_)}"
        for name, argument in given.items()
        if takes_id(argument.type) or is_required_argument(argument)
    ]
    return f"({', '.join(wanted)})" if wanted else ""


def selection(type_: Any, id_: str, depth: int = 3) -> str:
    """Returns a selection of all fields of the type, down to a depth."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if named.name == "Node":
        return f"{{ id ... on User {selection(SCHEMA.type_map['User'], id_, depth)} }}"
    found = [
        f"{name}{arguments(field.args, id_)} {selection(field.type, id_, depth - 1)}"
        for name, field in named.fields.items()
        if is_leaf_type(get_named_type(field.type)) or depth
    ]
    return f"{{ {' '.join(found)} }}" if found else "{ __typename }"


def operation(coordinate: str, ids: list[str]) -> str:
    """Returns an operation with the field once for each ID, by aliases."""
    parent, _, name = coordinate.partition(".")
    field: Any = SCHEMA.type_map[parent].fields[name]  # pyright: ignore[reportAttributeAccessIssue]
    asked = " ".join(
        f"a{number}: {name}{arguments(field.args, id_)} {selection(field.type, id_, 1)}"
        for number, id_ in enumerate(ids)
    )
    if parent in ROOTS:
        return f"{ROOTS[parent]} {{ {asked} }}"
    return f"query ($owner: ID!) {{ {WAYS[parent].replace('...', asked)} }}"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    mine = with_cache(settings, monkeypatch)
    wide: dict[str, Any] = {"cost_limit": 10**9}
    wide |= {name: 10**6 for name in Settings.model_fields if name.startswith("document_limit_")}
    return mine.model_copy(update=wide)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(str(settings.redis_url)) as redis:
        yield redis


def unknown_ids() -> list[list[str]]:
    """Returns unknown IDs of every type, in lists of as many as an operation takes."""
    ids = [encode_id(type_, UNKNOWN_KEY + number) for type_ in TYPES for number in range(ASKED)]
    return [ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE)]


async def keys_of(api: Api, redis: Redis) -> set[str]:
    return {key.decode() async for key in redis.scan_iter(f"{api.settings.redis_prefix}:*", 1000)}


async def until_stored(api: Api) -> str:
    """Waits until all values so far are stored; returns the hash tag in the key of the last."""
    user = await api.user()
    query = {"query": f'{{ user(id: "{user.id}") {{ itemCount }} }}'}

    async def is_cached() -> bool:
        body = query | {"extensions": {"explain": True}}
        answer = (await api.http.post("/graphql", json=body)).json()
        return answer["extensions"]["explain"]["fields"]["User.itemCount"]["cache"]["hits"] == 1

    await until(is_cached)
    return f"{{User:{user.key}}}"


async def ask(api: Api, coordinate: str, ids: list[str], by: Member) -> None:
    text = operation(coordinate, ids)
    variables = {"owner": by.id} if "$owner" in text else {}
    if not coordinate.startswith("Subscription."):
        answer = await api.answer(text, variables, by)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert not codes & {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}, answer
        return
    async with (
        listening(api.app) as server,
        connecting(f"ws://{address_of(server)}/graphql") as socket,
    ):
        await socket.open(authorization=f"Bearer {by.token}")
        for number, id_ in enumerate(ids):
            await socket.subscribe(str(number), operation(coordinate, [id_]))
        await socket.send("ping")
        while (await socket.receive())["type"] != "pong":
            pass


def test_all_fields_that_take_an_id_are_found() -> None:
    found = set(fields_with_ids())
    assert found >= {"Query.user", "Query.items", "User.items", "Mutation.deleteUser"}
    assert {coordinate.partition(".")[0] for coordinate in found} <= {"User", *ROOTS}


@pytest.mark.parametrize("coordinate", sorted(fields_with_ids()))
async def test_unknown_ids_leave_nothing_in_redis(api: Api, redis: Redis, coordinate: str) -> None:
    admin, owner = await api.user(admin=True), await api.user()
    await api.item(owner)
    for by in (admin, owner):
        await ask(api, coordinate, [owner.id], by)  # stores all that is kept of existing users
    await until_stored(api)
    before = await keys_of(api, redis)
    for ids in unknown_ids():
        for by in (admin, owner):
            await ask(api, coordinate, ids, by)
    last = await until_stored(api)

    async def are_as_before() -> bool:
        new = await keys_of(api, redis) - before
        return not [key for key in new if last not in key and ":rates" not in key]

    await until(are_as_before)
