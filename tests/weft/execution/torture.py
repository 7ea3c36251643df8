"""A schema whose fields may fail in every place, in the same way each time.

What a field answers depends only on its row's seed, its coordinate and its arguments, so two
executors must get the same results, however they order and batch their work.
"""

from functools import lru_cache
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
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
)

from tests.weft.execution.torture_answers import (
    FIELDS,
    POSSIBLE,
    ROWS,
    Colour,
    Field,
    Row,
    RowA,
    RowB,
    RowC,
)
from tests.weft.execution.torture_resolvers import batched, events, foreign, root
from weft.declare.fields import FieldSpec, Kind
from weft.execution.binding import DECLARED, SPEC
from weft.execution.reference import ReferenceResolvers, root_resolver


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
    """The type in random lists, each level with null allowed or forbidden."""
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
    """A schema; each seed mixes types, wrappers and kinds of fields differently."""
    return _Builder(Random(seed), seed).schema()


class TortureFields:
    """Makes fields that fail at times."""

    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.seed = seed
        self.resolvers = ReferenceResolvers()

    def field(self, coordinate: str, type_: Any, kind: str, shared: bool = False) -> GraphQLField:
        """A field that is answered in the way of its `kind`."""
        answers = Field(f"{self.seed}:{coordinate}", type_)
        attribute = f"s{self.seed}_{coordinate.replace('.', '_')}"
        FIELDS[attribute] = answers
        reads = kind in ("column", "derived")
        arguments = {} if reads or shared else _arguments(self.random)
        field = GraphQLField(type_, arguments)
        slow = self.random.random() < 0.6
        spec = self._spec(kind, answers, attribute, slow)
        if spec is None:
            field.resolve = foreign(answers, slow)
            return field
        field.extensions[SPEC] = spec
        field.resolve = self.resolvers.resolver(spec, coordinate)
        if kind == "event":
            field.subscribe = root_resolver(spec, coordinate)
        return field

    def _spec(self, kind: str, answers: Field, attribute: str, slow: bool) -> FieldSpec | None:
        match kind:
            case "column":
                return FieldSpec(Kind.COLUMN, attribute=attribute)
            case "derived":
                return FieldSpec(Kind.DERIVED, resolve=lambda row: answers.answer(row, {}))
            case "batched":
                return FieldSpec(Kind.BATCHED, resolve=batched(answers, slow))
            case "root":
                return FieldSpec(Kind.ROOT, resolve=root(answers, slow))
            case "event":
                return FieldSpec(Kind.EVENT, resolve=events(answers))
            case _:
                return None


class _Builder(TortureFields):
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
                named = GraphQLString  # its answer contains the path
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


def _is_c(value: Any, _info: Any) -> bool:
    """Accepts some rows of A as well, before A is checked."""
    return isinstance(value, RowC) or (isinstance(value, RowA) and value.seed == 0)


def _resolve_swapped(value: Any, _info: Any, _type: Any) -> Any:
    """The name of another type than that of the row's class, for some rows."""
    return "A" if getattr(value, "seed", 0) == 1 else getattr(value, "type_name", None)


def _resolve_any(value: Any, _info: Any, _type: Any) -> Any:
    if isinstance(value, Row):
        return value.type_name
    return {7: None, "seven": "Nonsense", True: 5}.get(value) if value.__hash__ else None
