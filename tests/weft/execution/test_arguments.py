"""What a resolver does to its arguments is nothing to the next request."""

from typing import Any

import msgspec
import pytest
import strawberry
from strawberry.scalars import JSON

from weft.declare.fields import Argument, root
from weft.declare.info import Info
from weft.declare.types import given, input_type, output
from weft.execution import Schema


class Basket(msgspec.Struct):
    names: list[str]
    size: int = 1


class Frozen(msgspec.Struct, frozen=True):
    names: list[str]


@input_type(Basket)
class BasketInput:
    """A basket."""

    names: list[str] = given("Names.")
    size: int = given("Its size.", default=1)


@input_type(Frozen)
class FrozenInput:
    """A basket that is frozen, with a list that is not."""

    names: list[str] = given("Names.")


def emptied(info: Info, names: list[str]) -> int:
    """Takes all out."""
    found = len(names)
    names.clear()
    return found


def emptied_basket(info: Info, basket: Basket) -> int:
    """Takes all out."""
    basket.size += 1
    return emptied(info, basket.names) + basket.size


def emptied_frozen(info: Info, basket: Frozen) -> int:
    """Takes all out."""
    return emptied(info, basket.names)


@output()
class Query:
    """All of them empty what they are given."""

    names: int = root(emptied, arguments={"names": Argument(list[str], "Names.")})
    basket: int = root(emptied_basket, arguments={"basket": Argument(BasketInput, "What.")})
    frozen: int = root(emptied_frozen, arguments={"basket": Argument(FrozenInput, "What.")})

    @strawberry.field
    def json(self, value: JSON) -> int:
        given: Any = value
        return given.pop("number")


class TestArguments:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ('names(names: ["a", "b"])', 2),
            ('basket(basket: { names: ["a"] })', 3),
            ('frozen(basket: { names: ["a"] })', 1),
            ("json(value: { number: 4 })", 4),
        ],
    )
    async def test_literals_that_a_resolver_changes_are_new_in_the_next_request(
        self, field: str, expected: int
    ) -> None:
        schema = Schema(Query)
        for _ in range(3):
            result = await schema.run(f"{{ answer: {field} }}")
            assert result.data == {"answer": expected}, result.errors
