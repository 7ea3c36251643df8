"""Objects that are built at once with everything below them equal those of graphql-core."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import pytest
import strawberry

from tests.weft.execution.told import told
from weft.declare.fields import column, field, root
from weft.declare.info import Info
from weft.declare.types import output
from weft.execution import Schema, template
from weft.execution.inline_build import FEW_ROWS


class CatRow(msgspec.Struct, frozen=True):
    name: Any


class DogRow(msgspec.Struct, frozen=True):
    name: Any


class HomeRow(msgspec.Struct, frozen=True):
    cat: Any = None
    must: Any = CatRow("Tom")
    cats: Any = []
    pets: Any = ()


@output(CatRow)
class Cat:
    """A cat."""

    name: str = column("Its name.")


@output(DogRow)
class Dog:
    """A dog."""

    name: str = column("Its name.")


def visitors(homes: Sequence[HomeRow], info: Info) -> list[list[CatRow]]:
    """Cats that have to be resolved."""
    return [[CatRow("Guest")]] * len(homes)


@output(HomeRow)
class Home:
    """Where they live."""

    cat: Cat | None = column("A cat, perhaps.")
    must: Cat = column("A cat.")
    cats: list[Cat] | None = column("More cats.")
    pets: list[Annotated[Cat | Dog, strawberry.union("Pet")] | None] = column("Of any kind.")
    visitors: list[Cat] = field(visitors)


def home(info: Info) -> Any:
    """A home."""
    return info.context


@strawberry.type
class Query:
    """All."""

    home: Home | None = root(home)


COMPILED, REFERENCE = Schema(Query).engine, Schema(Query, executor="reference").engine
WHOLE = """{ home {
  must { name } cats { name __typename } again: must { n: name } cat { name }
  pets { __typename ... on Cat { name } ... on Dog { name } }
} }"""


@pytest.fixture(autouse=True)
def rows_are_made(few_rows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "FEW_ROWS", FEW_ROWS)


class TestWhole:
    @pytest.mark.parametrize(
        "row",
        [
            HomeRow(),
            HomeRow(cat=CatRow("A"), cats=(CatRow("B"), CatRow("C")), pets=[DogRow("D")]),
            HomeRow(pets=[DogRow("D"), CatRow("C"), None, DogRow("E")]),
            HomeRow(pets=[DogRow("D"), CatRow("C")]),
            HomeRow(cats=[CatRow(str(number)) for number in range(FEW_ROWS + 1)]),
            HomeRow(cats=None),
            HomeRow(cats=[CatRow("A"), None]),
            HomeRow(cats={}),
            HomeRow(cats=7),
            HomeRow(must=None),
            HomeRow(must=CatRow(None)),
            HomeRow(cat=CatRow(None)),
            HomeRow(cats=[CatRow("A"), CatRow(None)]),
            HomeRow(pets=[DogRow([]), None, CatRow(7)]),
            HomeRow(cat=ValueError("no cat"), must=ValueError("none at all")),
            HomeRow(pets=[ValueError("no pet")]),
            None,
            ValueError("no home"),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("raw", [True, False])
    async def test_whole_object_equals_that_of_graphql_core(self, row: Any, *, raw: bool) -> None:
        expected = await REFERENCE.run(WHOLE, context=row)
        found = await COMPILED.run(WHOLE, context=row, raw=raw)
        assert msgspec.json.encode(found.data) == msgspec.json.encode(expected.data)
        assert told(found) == told(expected)

    @pytest.mark.parametrize(
        ("text", "is_whole"),
        [
            (WHOLE, True),
            ("{ home { must { name } visitors { name } } }", False),
            ("{ home { visitors { name } } }", False),
        ],
    )
    async def test_objects_are_built_whole_where_nothing_has_to_be_resolved(
        self, text: str, *, is_whole: bool
    ) -> None:
        operation: Any = COMPILED.operation(text)
        (home,) = operation.plan(operation.coerce({})).resolved
        assert (home.selection_for_class(HomeRow).build_whole is not None) == is_whole
