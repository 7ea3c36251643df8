"""A schema that misbehaves at every place, the same way each time it is asked.

What a field answers follows from its row's seed, its coordinate and its arguments alone, so two
executors must tell the same story of it however they order and batch their work.
"""

import asyncio
import enum
from collections.abc import AsyncIterator, Generator, Sequence
from functools import lru_cache
from random import Random
from typing import Any
from zlib import crc32

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from weft.errors import Forbidden
from weft.execution.binding import DECLARED, SPEC
from weft.execution.reference import ReferenceResolvers, root_resolver
from weft.fields import FieldSpec, Kind

ROW_SEEDS = 4
"""Few, so that the same row comes up under many parents."""


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Context:
    """What one operation knows: how often things go wrong, and what was called."""

    def __init__(self, trouble: float) -> None:
        self.trouble = trouble
        self.calls: list[str] = []

    def renew(self) -> "Context":
        return self

    def forget_loaded(self) -> None:
        """Nothing is loaded."""


class Row:
    """An object: each attribute is worked out from the seed, and may raise."""

    def __init__(self, type_name: str, seed: int, trouble: float) -> None:
        self.type_name = type_name
        self.seed = seed
        self.trouble = trouble

    def __repr__(self) -> str:
        return f"{self.type_name}({self.seed})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return FIELDS[name].answer(self, {})


class RowA(Row):
    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, cls)


class RowB(Row):
    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, cls)


RowA.__weft_row__ = RowA  # type: ignore[attr-defined]
RowB.__weft_row__ = RowB  # type: ignore[attr-defined]


class RowC(Row):
    pass


class RowD(Row):
    pass


ROWS = {"C": RowC, "A": RowA, "B": RowB, "D": RowD}


@lru_cache(maxsize=10_000)
def row_of(type_name: str, seed: int, trouble: float) -> Row:
    """The same row object for the same seed, as a loader would give it."""
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
                return f"{self.coordinate}{shown}"
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


def _odd(value: Any) -> Any:
    if not isinstance(value, int) or not value % 2:
        raise ValueError(f"{value!r} is not odd")
    return value


ODD = GraphQLScalarType("Odd", coerce_output_value=_odd, coerce_input_value=_odd)
COLOUR = GraphQLEnumType("Colour", {member.name: member.value for member in Colour})
INNER = GraphQLInputObjectType(
    "Inner",
    {
        "x": GraphQLInputField(GraphQLNonNull(GraphQLInt), out_name="x_out"),
        "y": GraphQLInputField(GraphQLString, default_value="why"),
    },
)
CHOICE = GraphQLInputObjectType(
    "Choice",
    {"left": GraphQLInputField(GraphQLInt), "right": GraphQLInputField(GraphQLString)},
    is_one_of=True,
)
OUTER = GraphQLInputObjectType(
    "Outer",
    {
        "inner": GraphQLInputField(INNER),
        "many": GraphQLInputField(GraphQLList(GraphQLNonNull(INNER))),
        "colour": GraphQLInputField(COLOUR, default_value="red"),
        "choice": GraphQLInputField(CHOICE),
    },
    out_type=lambda given: tuple(sorted(given.items(), key=lambda item: item[0])),
)
INPUTS: dict[str, Any] = {
    "int": GraphQLInt,
    "intDefault": GraphQLNonNull(GraphQLInt),
    "text": GraphQLString,
    "flag": GraphQLBoolean,
    "colour": COLOUR,
    "odd": ODD,
    "outer": OUTER,
    "numbers": GraphQLList(GraphQLNonNull(GraphQLInt)),
    "id": GraphQLID,
}
LEAVES = [GraphQLString, GraphQLInt, GraphQLFloat, GraphQLBoolean, GraphQLID, COLOUR, ODD]


def _wrapped(random: Random, type_: Any) -> Any:
    """The type, with null and lists allowed and forbidden in every way."""
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        type_ = GraphQLList(GraphQLNonNull(type_) if random.random() < 0.5 else type_)
    return GraphQLNonNull(type_) if random.random() < 0.5 else type_


def _arguments(random: Random) -> dict[str, GraphQLArgument]:
    names = random.sample(sorted(INPUTS), random.choice((0, 0, 1, 2)))
    return {
        name: GraphQLArgument(
            INPUTS[name],
            out_name=f"{name}_out",
            default_value=4 if name == "intDefault" else Undefined,
        )
        for name in names
    }


@lru_cache(maxsize=64)
def torture_schema(seed: int) -> GraphQLSchema:
    """A schema; each seed mixes types, wrappers and kinds of fields in another way."""
    return _Builder(Random(seed), seed).schema()


class _Builder:
    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.seed = seed
        self.resolvers = ReferenceResolvers()

    def schema(self) -> GraphQLSchema:
        self.fast = GraphQLInterfaceType("Fast", lambda: self.shared["Fast"])
        self.mixed = GraphQLInterfaceType("Mixed", lambda: self.shared["Mixed"])
        objects = {
            name: GraphQLObjectType(
                name,
                lambda name=name: self.fields_of(name),
                interfaces=[
                    interface
                    for interface in (self.fast, self.mixed)
                    if name in POSSIBLE[interface.name]
                ],
                is_type_of={
                    "A": RowA.is_type_of,
                    "B": RowB.is_type_of,
                    "C": _is_c,
                    "D": None,
                }[name],
            )
            for name in ROWS
        }
        for name, row in (("A", RowA), ("B", RowB)):
            objects[name].extensions[DECLARED] = type("Definition", (), {"origin": row})
        union = GraphQLUnionType("Any", list(objects.values()), resolve_type=_resolve_any)
        swapped = GraphQLUnionType(
            "Swapped", [objects["A"], objects["B"]], resolve_type=_resolve_swapped
        )
        self.composites = [*objects.values(), self.fast, self.mixed, union, swapped]
        self.shared = {
            name: {f"{name.lower()}{index}": self.plain(name, index) for index in range(2)}
            for name in ("Fast", "Mixed")
        }
        query = GraphQLObjectType("Query", self.roots("Query", 12))
        mutation = GraphQLObjectType("Mutation", self.roots("Mutation", 5))
        subscription = GraphQLObjectType("Subscription", self.roots("Subscription", 4))
        return GraphQLSchema(query, mutation, subscription, types=list(objects.values()))

    def plain(self, name: str, index: int) -> GraphQLField:
        return GraphQLField(_wrapped(self.random, self.random.choice(LEAVES)))

    def fields_of(self, name: str) -> dict[str, GraphQLField]:
        random = self.random
        fields = {}
        for index in range(10):
            kind = random.choice(("column", "derived", "batched", "batched", "foreign"))
            named = random.choice((random.choice(LEAVES), random.choice(self.composites)))
            if kind == "foreign" and random.random() < 0.5:
                named = GraphQLString  # which tells the path
            coordinate = f"{name}.{name.lower()}{index}"
            fields[f"{name.lower()}{index}"] = self.field(coordinate, _wrapped(random, named), kind)
        for interface, shared in self.shared.items():
            if name in POSSIBLE[interface]:
                for key, declared in shared.items():
                    kind = random.choice(("column", "derived", "batched", "foreign"))
                    fields[key] = self.field(f"{name}.{key}", declared.type, kind, shared=True)
        return fields

    def roots(self, name: str, count: int) -> dict[str, GraphQLField]:
        random = self.random
        kind = "event" if name == "Subscription" else "root"
        return {
            f"{name[0].lower()}{index}": self.field(
                f"{name}.{name[0].lower()}{index}",
                _wrapped(
                    random, random.choice((*self.composites, *self.composites, GraphQLString))
                ),
                "foreign root" if kind == "root" and random.random() < 0.2 else kind,
            )
            for index in range(count)
        }

    def field(self, coordinate: str, type_: Any, kind: str, shared: bool = False) -> GraphQLField:
        answers = Field(f"{self.seed}:{coordinate}", type_)
        attribute = f"s{self.seed}_{coordinate.replace('.', '_')}"
        FIELDS[attribute] = answers
        reads = kind in ("column", "derived")
        arguments = {} if reads or shared else _arguments(self.random)
        field = GraphQLField(type_, arguments)
        slow = self.random.random() < 0.6
        spec = self.spec(kind, answers, attribute, slow)
        if spec is None:
            field.resolve = _foreign(answers, slow)
            return field
        field.extensions[SPEC] = spec
        field.resolve = self.resolvers.resolver(spec, coordinate)
        if kind == "event":
            field.subscribe = root_resolver(spec, coordinate)
        return field

    def spec(self, kind: str, answers: Field, attribute: str, slow: bool) -> FieldSpec | None:
        match kind:
            case "column":
                return FieldSpec(Kind.COLUMN, attribute=attribute)
            case "derived":
                return FieldSpec(Kind.DERIVED, resolve=lambda row: answers.answer(row, {}))
            case "batched":
                return FieldSpec(Kind.BATCHED, resolve=_batched(answers, slow))
            case "root":
                return FieldSpec(Kind.ROOT, resolve=_root(answers, slow))
            case "event":
                return FieldSpec(Kind.EVENT, resolve=_events(answers))
            case _:
                return None


def _is_c(value: Any, _info: Any) -> bool:
    """Takes some that are rows of A as well, before A is asked."""
    return isinstance(value, RowC) or (isinstance(value, RowA) and value.seed == 0)


def _resolve_swapped(value: Any, _info: Any, _type: Any) -> Any:
    """Not what the row's class says, for some."""
    return "A" if getattr(value, "seed", 0) == 1 else getattr(value, "type_name", None)


def _resolve_any(value: Any, _info: Any, _type: Any) -> Any:
    if isinstance(value, Row):
        return value.type_name
    return {7: None, "seven": "Nonsense", True: 5}.get(value) if value.__hash__ else None


def _caught(answers: Field, row: Any, arguments: dict[str, Any]) -> Any:
    try:
        return answers.answer(row, arguments)
    except Exception as error:
        return error


async def _pause(answers: Field, seed: Any) -> None:
    for _ in range(answers.random("pause", seed).randrange(4)):
        await asyncio.sleep(0)


def _batched(answers: Field, slow: bool) -> Any:
    def answer_all(rows: Sequence[Any], info: Any, arguments: dict[str, Any]) -> list[Any]:
        random = answers.random("batch", sorted(arguments))
        if random.random() < info.context.trouble / 4:
            raise RuntimeError(f"{answers.coordinate} batch")
        found = [_caught(answers, row, arguments) for row in rows]
        return found[1:] if random.random() < info.context.trouble / 8 else found

    if not slow:
        return lambda rows, info, **arguments: answer_all(rows, info, arguments)

    async def resolve(rows: Sequence[Any], info: Any, **arguments: Any) -> list[Any]:
        await _pause(answers, len(arguments))
        return answer_all(rows, info, arguments)

    return resolve


def _root(answers: Field, slow: bool) -> Any:
    def answer(info: Any, arguments: dict[str, Any]) -> Any:
        info.context.calls.append(answers.coordinate)
        return answers.answer(None, {**arguments, "trouble": info.context.trouble})

    if not slow:
        return lambda info, **arguments: answer(info, arguments)

    async def resolve(info: Any, **arguments: Any) -> Any:
        await _pause(answers, 0)
        return answer(info, arguments)

    return resolve


def _events(answers: Field) -> Any:
    async def resolve(info: Any, **arguments: Any) -> AsyncIterator[Any]:
        for index in range(3):
            trouble = info.context.trouble
            random = answers.random(index, sorted(arguments))
            if random.random() < trouble / 2:
                raise RuntimeError(f"{answers.coordinate} source")
            try:
                event = answers.value(random, answers.type, trouble, [])
            except Exception as error:
                event = error
            yield event

    return resolve


def _foreign(answers: Field, slow: bool) -> Any:
    def answer(row: Any, info: Any, arguments: dict[str, Any]) -> Any:
        if isinstance(row, Row):
            value = answers.answer(row, arguments)
        else:
            info.context.calls.append(answers.coordinate)
            value = answers.answer(None, {**arguments, "trouble": info.context.trouble})
        return f"{value}@{info.path.as_list()}" if isinstance(value, str) else value

    if not slow:
        return lambda row, info, **arguments: answer(row, info, arguments)

    async def resolve(row: Any, info: Any, **arguments: Any) -> Any:
        seed = getattr(row, "seed", 0)
        await _pause(answers, seed)
        value = answer(row, info, arguments)
        if isinstance(value, list) and seed % 2:
            return [_Later(item) for item in value] if seed % 3 else _each(value)
        return value

    return resolve


class _Later:
    """An awaitable list item; one that nobody awaits is no leak, as a coroutine would be."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


async def _each(values: list[Any]) -> AsyncIterator[Any]:
    for value in values:
        await asyncio.sleep(0)
        yield value
