"""Values with stored JSON of selections: it equals newly made JSON, and errors stay errors."""

import json
from typing import Any

import msgspec
import pytest
import strawberry

from weft.declare.fields import column, derived, field, root
from weft.declare.info import Info
from weft.declare.remembered import Remembered
from weft.declare.types import output
from weft.errors import Forbidden
from weft.execution import Schema
from weft.execution.rendering import MAX_TEXTS
from weft.transport.response import encode_result


class LeafRow(msgspec.Struct, frozen=True):
    key: int


class ShelfRow(msgspec.Struct, Remembered, eq=False, dict=True):
    """A row that loads return as the same object."""

    leaves: list[LeafRow]
    first: LeafRow | None


def texts(shelf: ShelfRow) -> list[bytes]:
    """The texts that are stored with a shelf."""
    return [text for text in vars(shelf).values() if text]


def shelf(*keys: int) -> ShelfRow:
    leaves = [LeafRow(key) for key in keys]
    return ShelfRow(leaves, leaves[0] if leaves else None)


class Site:
    def __init__(self) -> None:
        self.shelves = [shelf(1, 2), shelf(3), shelf()]
        self.halved: list[int] = []


SITE: list[Site] = []


def _half(row: LeafRow) -> float:
    SITE[0].halved.append(row.key)
    if row.key == 13:
        raise Forbidden("Not this one.")
    return row.key / 2


@output(LeafRow)
class Leaf:
    """A leaf."""

    key: int = column("Its key.")
    half: float = derived(_half, "Half of its key.")


def weights(rows: Any, info: Info) -> list[int]:
    """How heavy."""
    return [len(row.leaves) for row in rows]


@output(ShelfRow)
class Shelf:
    """A shelf."""

    leaves: list[Leaf] = column("Its leaves.")
    first: Leaf | None = column("The first of them.")
    weight: int = field(weights)


class HallRow(msgspec.Struct, frozen=True):
    key: int


def shelf_of(rows: Any, info: Info) -> list[ShelfRow]:
    """The shelf."""
    return [info.context.shelves[row.key] for row in rows]


@output(HallRow)
class Hall:
    """A hall."""

    shelf: Shelf | None = field(shelf_of)


def halls(info: Info) -> list[HallRow]:
    """All halls."""
    return [HallRow(key) for key in range(len(info.context.shelves))]


@strawberry.type
class Query:
    """All."""

    halls: list[Hall] = root(halls)


ENGINE = Schema(Query).engine
WHOLE = "{ halls { shelf { leaves { key half } first { __typename half } } } }"


@pytest.fixture
def site() -> Site:
    SITE[:] = [Site()]
    return SITE[0]


async def answer(site: Site, text: str, *, raw: bool) -> Any:
    return json.loads(encode_result(await ENGINE.run(text, context=site, raw=raw)))


class TestIntrospection:
    @pytest.mark.parametrize(
        "text",
        [
            "{ __schema { types { name fields { name } } } }",
            "{ __typename __schema { queryType { name } } }",
            "{ __typename halls { shelf { weight } } }",
        ],
    )
    async def test_repeated_answer_is_the_same(self, site: Site, text: str) -> None:
        made = await answer(site, text, raw=False)
        for _ in range(3):
            assert await answer(site, text, raw=True) == made

    async def test_introspection_is_executed_once(self, site: Site) -> None:
        text = "{ __schema { queryType { description } } }"
        first = await ENGINE.run(text, context=site, raw=True)
        second, third = [await ENGINE.run(text, context=site, raw=True) for _ in range(2)]
        assert second.data is third.data
        assert first.data is not second.data

    async def test_introspection_depends_on_its_variables(self, site: Site) -> None:
        text = "query ($name: String!) { __type(name: $name) { name } }"
        for name in ("Leaf", "Hall", "Leaf"):
            result = await ENGINE.run(text, variables={"name": name}, context=site, raw=True)
            assert json.loads(encode_result(result))["data"] == {"__type": {"name": name}}


class TestRendered:
    @pytest.mark.parametrize(
        "text",
        [
            WHOLE,
            "{ halls { shelf { weight leaves { half } } } }",
            "{ halls { shelf { first { key } } one: shelf { first { half } } } }",
        ],
    )
    async def test_answer_from_stored_texts_equals_a_new_one(self, site: Site, text: str) -> None:
        made = await answer(site, text, raw=False)
        for _ in range(3):
            assert await answer(site, text, raw=True) == made

    async def test_text_is_stored_on_the_second_use(self, site: Site) -> None:
        await answer(site, WHOLE, raw=True)
        assert [texts(shelf) for shelf in site.shelves] == [[], [], []]
        await answer(site, WHOLE, raw=True)
        halved = list(site.halved)
        assert halved
        await answer(site, WHOLE, raw=True)
        assert site.halved == halved

    async def test_new_value_does_not_get_the_text_of_the_old_one(self, site: Site) -> None:
        for _ in range(2):
            await answer(site, WHOLE, raw=True)
        site.shelves[1] = shelf(8)
        found = await answer(site, WHOLE, raw=True)
        assert found["data"]["halls"][1]["shelf"]["leaves"] == [{"key": 8, "half": 4.0}]

    async def test_errors_are_not_stored(self, site: Site) -> None:
        site.shelves[1] = shelf(4, 13)
        made = await answer(site, WHOLE, raw=False)
        assert made["errors"][0]["path"] == ["halls", 1, "shelf", "leaves", 1, "half"]
        for _ in range(3):
            assert await answer(site, WHOLE, raw=True) == made
        assert not texts(site.shelves[1])

    async def test_value_stores_the_texts_of_few_selections(self, site: Site) -> None:
        for number in range(3 * MAX_TEXTS):
            await answer(
                site, f"{{ halls {{ shelf {{ a{number}: leaves {{ key }} }} }} }}", raw=True
            )
            assert len(texts(site.shelves[0])) <= MAX_TEXTS

    async def test_result_that_is_not_raw_contains_no_texts(self, site: Site) -> None:
        for _ in range(3):
            await answer(site, WHOLE, raw=True)
        result = await ENGINE.run(WHOLE, context=site)
        assert result.data is not None
        assert result.data["halls"][1]["shelf"]["leaves"] == [{"key": 3, "half": 1.5}]
