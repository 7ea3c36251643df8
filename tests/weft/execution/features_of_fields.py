"""Strawberry's fields and libraries beside the fields of `weft.declare.fields`."""

import base64
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pydantic
import pytest
import strawberry
from strawberry import relay
from strawberry.dataloader import DataLoader
from strawberry.schema.config import StrawberryConfig

from tests.weft.execution import plain_strawberry as plain
from tests.weft.execution.features import (
    DIFFERS,
    NO,
    Build,
    agreed,
    data,
    executed,
    feature,
)
from weft.declare.fields import column, field, root
from weft.declare.info import Info
from weft.declare.types import output
from weft.errors import DeclarationError
from weft.execution import Schema


class BoxRow(msgspec.Struct, frozen=True):
    number: int


def doubled(boxes: Sequence[BoxRow], info: Info) -> list[int]:
    """Twice the number."""
    return [2 * box.number for box in boxes]


@output(BoxRow)
class Box:
    """A type of `weft.declare.types`."""

    number: int = column("Its number.")
    double: int = field(doubled)


def box_of(info: Info) -> BoxRow:
    """A box."""
    return BoxRow(1)


@strawberry.type
class Query:
    """Fields of either kind beside each other."""

    box: Box = root(box_of)
    word: str = "word"

    @strawberry.field
    def boxed(self) -> list[Box]:
        return [BoxRow(2), BoxRow(3)]  # type: ignore[list-item]

    @strawberry.field
    def about(self, info: strawberry.Info) -> str:
        return f"{type(info).__name__} {info.root_value} {info.input_extensions}"

    @strawberry.field
    async def loaded(self, info: strawberry.Info, key: int) -> int:
        return await info.context["loader"].load(key)

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("broken")


def configured(**options: Any) -> Build:
    return lambda schema: schema(Query, config=StrawberryConfig(**options))


@feature("Types of `weft.declare.types` in plain fields, and the other way round")
async def both_kinds() -> None:
    text = "{ word box { number double } boxed { double } }"
    found = await Schema(Query).run(text, root_value=SimpleNamespace(word="w"))
    assert (found.data, found.errors) == (
        {
            "word": "w",
            "box": {"number": 1, "double": 2},
            "boxed": [{"double": 4}, {"double": 6}],
        },
        None,
    )


@feature("`strawberry.field` in a type of `output(row)`", NO)
async def plain_field_on_row() -> None:
    class Wrong:
        """Wrong."""

        number: int = strawberry.field()

    with pytest.raises(DeclarationError, match="not declared by a function of"):
        output(BoxRow)(Wrong)


@feature("`permission_classes=`, `extensions=` for a field of `weft.declare.fields`", NO)
async def permissions_of_weft_fields() -> None:
    declare: Any = field
    for option in ("permission_classes", "extensions"):
        with pytest.raises(TypeError, match=option):
            declare(doubled, **{option: [plain.Denied]})


@strawberry.type
class Problem:
    message: str


class Told(strawberry.ExceptionHandler[ValueError, Problem]):
    def handle(self, exception: ValueError, *, field: Any, info: Any) -> Problem:
        return Problem(message=str(exception))


@feature("`strawberry.ExceptionHandler`, `exception_handlers=`", DIFFERS)
async def exception_handlers() -> None:
    @strawberry.type
    class Root:
        @strawberry.field
        def broken(self) -> plain.Circle | Problem:
            raise ValueError("broken")

    def build(schema: type[strawberry.Schema]) -> strawberry.Schema:
        return schema(Root, exception_handlers=[Told()])

    found = await data(build, "{ broken { ... on Problem { message } } }")
    assert found == {"broken": {"message": "broken"}}

    def fails(info: Info) -> Any:
        """Fails."""

    @strawberry.type
    class Ours:
        broken: plain.Circle | Problem = root(fails)

    Schema(Ours)
    with pytest.raises(DeclarationError, match=r"Ours\.broken is declared"):
        Schema(Ours, exception_handlers=[Told()])


@feature("`strawberry.dataloader.DataLoader`")
async def loaders() -> None:
    batches: list[list[int]] = []

    async def load(keys: list[int]) -> list[int]:
        batches.append(keys)
        return [10 * key for key in keys]

    text = "{ a: loaded(key: 1) b: loaded(key: 2) }"
    context = {"loader": DataLoader(load)}
    found = await Schema(Query).run(text, context=context)
    assert found.data == {"a": 10, "b": 20}
    assert batches == [[1, 2]]


def relay_schema(schema: type[strawberry.Schema], **options: Any) -> strawberry.Schema:
    @strawberry.type
    class Fruit(relay.Node):
        code: relay.NodeID[int]

        @classmethod
        def resolve_nodes(cls, *, info: Any, node_ids: Any, required: Any = False) -> Any:
            return [cls(code=int(each)) for each in node_ids]

    @strawberry.type
    class Root:
        node: relay.Node = relay.node()

        @relay.connection(relay.ListConnection[Fruit])
        def fruits(self) -> Iterable[Fruit]:
            return [Fruit(code=number) for number in range(5)]

    return schema(Root, types=[Fruit], config=StrawberryConfig(**options))


FRUITS = "{ fruits(first: 2) { edges { cursor node { id } } pageInfo { hasNextPage } } }"


@feature("`strawberry.relay`")
async def relay_types() -> None:
    found = await data(relay_schema, FRUITS)
    second = found["fruits"]["edges"][1]["node"]["id"]
    assert base64.b64decode(second) == b"Fruit:1"
    text = f'{{ node(id: "{second}") {{ __typename id }} }}'
    assert await data(relay_schema, text) == {"node": {"__typename": "Fruit", "id": second}}


@feature("`config.relay_max_results`, `config.relay_use_legacy_global_id`")
async def relay_options() -> None:
    def build(schema: type[strawberry.Schema]) -> strawberry.Schema:
        return relay_schema(schema, relay_max_results=1, relay_use_legacy_global_id=True)

    _, (message,) = await agreed(build, FRUITS)
    assert message == "Argument 'first' cannot be higher than 1."
    assert "id: GlobalID!" in build(Schema).as_str()


@feature("`strawberry.pydantic`, `strawberry.experimental`, `strawberry.auto`")
async def pydantic_types() -> None:
    class Model(pydantic.BaseModel):
        number: int

    @strawberry.experimental.pydantic.type(model=Model)
    class Output:
        number: strawberry.auto

    @strawberry.experimental.pydantic.input(model=Model, all_fields=True)
    class Given: ...

    @strawberry.pydantic.type
    class Direct(pydantic.BaseModel):
        number: int

    @strawberry.type
    class Root:
        @strawberry.field
        def old(self, given: Given) -> Output:
            return Output.from_pydantic(given.to_pydantic())  # type: ignore[attr-defined]

        @strawberry.field
        def direct(self) -> Direct:
            return Direct(number=2)

    found = await data(
        lambda schema: schema(Root), "{ old(given: { number: 1 }) { number } direct { number } }"
    )
    assert found == {"old": {"number": 1}, "direct": {"number": 2}}


@feature("`strawberry.federation`", DIFFERS)
async def federation() -> None:
    @strawberry.federation.type(keys=["id"])
    class Entity:
        id: strawberry.ID

        @classmethod
        def resolve_reference(cls, id: strawberry.ID) -> Any:
            return cls(id=id)

    @strawberry.type
    class Root:
        entity: Entity

    class Federated(Schema, strawberry.federation.Schema): ...

    text = '{ _entities(representations: [{ __typename: "Entity", id: "4" }]) { __typename }'
    text += " _service { sdl } }"
    schema = Federated(Root)
    found = await schema.run(text)
    assert found.errors is None
    assert found.data is not None
    assert found.data["_entities"] == [{"__typename": "Entity"}]
    assert '@key(fields: "id")' in found.data["_service"]["sdl"]
    assert await executed(schema, text) == (found.data, [])
    with pytest.warns(UserWarning, match="Federation directive"):
        assert "_entities" not in Schema(Root).as_str()
