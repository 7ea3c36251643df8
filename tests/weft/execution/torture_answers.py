"""Answers of the torture schema's fields, by seed, coordinate and arguments alone."""

import enum
from functools import lru_cache
from random import Random
from typing import Any
from zlib import crc32

from graphql import (
    GraphQLError,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from weft.declare.remembered import Remembered
from weft.errors import Forbidden

ROW_SEEDS = 4
"""Few, so that the same row occurs under many parents."""


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Context:
    """The context of one operation: how often answers are wrong, and which calls were made."""

    def __init__(self, trouble: float) -> None:
        self.trouble = trouble
        self.calls: list[str] = []

    def renew(self) -> "Context":
        return self

    def forget_loaded(self) -> None:
        """Nothing is loaded."""


class Row(Remembered):
    """An object: each attribute is computed from the seed, and may raise."""

    __slots__ = ("__dict__", "seed", "trouble", "type_name")

    def __init__(self, type_name: str, seed: int, trouble: float) -> None:
        self.type_name = type_name
        self.seed = seed
        self.trouble = trouble

    def __repr__(self) -> str:
        return f"{self.type_name}({self.seed})"

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(name)
        return FIELDS[name].answer(self, {})


class RowA(Row):
    __slots__ = ()

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, cls)


class RowB(Row):
    __slots__ = ()

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, cls)


RowA.__weft_row__ = RowA  # type: ignore[attr-defined]
RowB.__weft_row__ = RowB  # type: ignore[attr-defined]


class RowC(Row):
    __slots__ = ()


class RowD(Row):
    __slots__ = ()


ROWS = {"C": RowC, "A": RowA, "B": RowB, "D": RowD}


@lru_cache(maxsize=10_000)
def row_of(type_name: str, seed: int, trouble: float) -> Row:
    """One row object for each seed, as from a loader."""
    return ROWS[type_name](type_name, seed % ROW_SEEDS, trouble)


class Field:
    """How one field of the schema answers."""

    def __init__(self, coordinate: str, type_: Any) -> None:
        self.coordinate = coordinate
        self.type = type_

    def random(self, *parts: Any) -> Random:
        return Random(crc32(repr((self.coordinate, *parts)).encode()))

    def answer(self, row: Any, arguments: dict[str, Any]) -> Any:
        seed = row.seed if isinstance(row, Row) else 0
        trouble = row.trouble if isinstance(row, Row) else arguments.pop("trouble")
        shown = sorted((name, repr(value)) for name, value in arguments.items())
        return self.value(self.random(seed, shown), self.type, trouble, shown)

    def value(
        self, random: Random, type_: Any, trouble: float, shown: Any, top: bool = True
    ) -> Any:
        if random.random() < trouble:
            return self.wrong(random, top)
        if not is_non_null_type(type_) and random.random() < 0.1:
            return None
        type_ = get_nullable_type(type_)
        if is_list_type(type_):
            items = [
                self.value(random, type_.of_type, trouble / 2, shown, False)
                for _ in range(random.choice((0, 1, 2, 3, 5)))
            ]
            return random.choice((list, tuple))(items)
        return self.leaf_or_row(random, type_, trouble, shown)

    def wrong(self, random: Random, top: bool) -> Any:
        what = random.choice(("raise", "weft", "graphql", "none", "garbage", "garbage"))
        text = f"{self.coordinate} {random.randrange(100)}"
        if what == "none":
            return None
        if what == "garbage":
            return random.choice(
                (object, 7, "seven", True, 2**40, float("nan"), {"a": 1}, [], [[None]])
            )
        error = {
            "raise": RuntimeError(text),
            "weft": Forbidden(text),
            "graphql": GraphQLError(text),
        }[what]
        if top and random.random() < 0.5:
            raise error
        return error

    def leaf_or_row(self, random: Random, type_: Any, trouble: float, shown: Any) -> Any:
        match type_.name:
            case "String":
                return f"{self.coordinate}{shown}{random.choice(('', ' 7%', ' %b é', ' %%s'))}"
            case "Int":
                return random.choice((0, -5, 2**31 - 1, 2.0, True))
            case "Float":
                return random.choice((0.5, -1.0, 3, 1e300))
            case "Boolean":
                return random.choice((True, False))
            case "ID":
                return random.choice(("id", 12, ""))
            case "Colour":
                return random.choice((Colour.RED, "red", Colour.BLUE, "blue"))
            case "Odd":
                return random.choice((1, 3, 5))
            case _:
                pass
        names = POSSIBLE[type_.name]
        if random.random() < trouble / 2:
            names = list(ROWS)
        return row_of(random.choice(names), random.randrange(1000), trouble)


FIELDS: dict[str, Field] = {}
POSSIBLE = {
    "Swapped": ["A", "B"],
    "A": ["A"],
    "B": ["B"],
    "C": ["C"],
    "D": ["D"],
    "Fast": ["A", "B"],
    "Mixed": ["A", "B", "C"],
    "Any": ["A", "B", "C", "D"],
}
