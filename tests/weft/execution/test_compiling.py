"""What it takes to compile a new text, in exact counts, and what that costs."""

import asyncio
from cProfile import Profile
from typing import Any

import pytest
from graphql import parse, visit
from graphql.language import Visitor
from hypothesis import given as drawn
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from weft.declare.fields import Argument, ListSize, column, field, root
from weft.declare.info import Info
from weft.declare.types import interface, output
from weft.errors import Forbidden
from weft.execution import Schema
from weft.execution.cost import COST_OF_ERROR, FIELD_CHARACTERS
from weft.execution.engine import Engine, ExecutorName
from weft.execution.errors import Refused
from weft.execution.limits import Limits
from weft.execution.operation import Operation
from weft.execution.plan import FieldPlan, SelectionPlan

UNLIMITED = Limits(cost=10**12, nodes=10**9, aliases=10**9, fragments=10**9)


class Row:
    name = "x" * FIELD_CHARACTERS

    def __init__(self, child: "Row | None" = None) -> None:
        self.child = child


class OneRow(Row):
    pass


class OtherRow(Row):
    pass


async def children(rows: list[Any], info: Info, first: int = 1) -> list[list[Any]]:
    """Rows below."""
    return [[OneRow()] * first for _ in rows]


async def secret(rows: list[Any], info: Info) -> list[Any]:
    """Fails."""
    return [Forbidden("Not for you.")] * len(rows)


async def some(info: Info, first: int = 1) -> list[Any]:
    """Rows."""
    return [OneRow()] * first


FIRST = {"first": Argument(int, "How many.", 1)}
OF_FIRST = ListSize(("first",), int)


@interface
class Thing:
    """One or another."""

    name: str = column("Its name.")
    children: list["Thing"] = field(children, arguments=FIRST, size=OF_FIRST)
    secret: str | None = field(secret)


@output(OneRow)
class One(Thing):
    """One."""


@output(OtherRow)
class Other(Thing):
    """Another."""


@output()
class Query:
    """Reading."""

    some: list[Thing] = root(some, arguments=FIRST, size=OF_FIRST)


def thing_schema(limits: Limits | None = None, executor: ExecutorName = "compiled") -> Schema:
    return Schema(Query, types=[One, Other], limits=limits, executor=executor)


class _Fields(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def enter_field(self, *_: Any) -> None:
        self.count += 1


def fields_in(text: str) -> int:
    counter = _Fields()
    visit(parse(text), counter)
    return counter.count


def compiled(engine: Engine, text: str, **variables: Any) -> Operation:
    operation = engine.operation(text)
    assert not isinstance(operation, Refused), operation.errors
    values = operation.coerce(variables)
    assert not isinstance(values, Refused), values.errors
    plan = operation.plan(values)
    assert isinstance(plan, SelectionPlan)
    _plan_all(plan, set())
    return operation


def _plan_all(plan: SelectionPlan, seen: set[int]) -> None:
    if id(plan) in seen:
        return
    seen.add(id(plan))
    for below in (*plan.composites, *plan.resolved):
        if not below.leaf:
            abstract_type: Any = below.named_type
            for possible in below.scope.schema.get_possible_types(abstract_type):
                _plan_all(below.selection(possible), seen)


def calls(function: Any, profile: Profile) -> int:
    return sum(entry.callcount for entry in profile.getstats() if entry.code is function.__code__)


def plans_of(engine: Engine, text: str, **variables: Any) -> int:
    """How many fields are planned when everything that a text may need is planned."""
    profile = Profile()
    profile.runcall(compiled, engine, text, **variables)
    return calls(FieldPlan.__init__, profile)


def cube(width: int, depth: int) -> str:
    """Fragments that each spread the next one `width` times: width ** depth leaves."""
    fragments = [
        f"fragment F{level} on Thing {{ "
        + " ".join(f"a{number}: children {{ ...F{level + 1} }}" for number in range(width))
        + " }"
        for level in range(depth)
    ]
    return " ".join(
        ["{ some { ...F0 } }", *fragments, f"fragment F{depth} on Thing {{ name secret }}"]
    )


TYPES = 2


class TestPlans:
    @pytest.mark.parametrize(("width", "depth"), [(2, 3), (8, 3), (3, 6), (2, 10)])
    def test_plans_are_in_proportion_to_the_text(self, width: int, depth: int) -> None:
        engine = thing_schema(UNLIMITED).engine
        text = cube(width, depth)
        assert plans_of(engine, text) <= TYPES * fields_in(text)

    def test_plans_do_not_double_with_each_level_under_an_interface(self) -> None:
        engine = thing_schema(UNLIMITED).engine
        text = "{ some " + "{ children " * 18 + "{ name }" + " }" * 18 + "}"
        assert plans_of(engine, text) == 1 + TYPES * 18 + TYPES

    @drawn(st.data())
    @hypothesis_settings(max_examples=60, deadline=None)
    def test_plans_are_at_most_twice_types_times_fields(self, data: st.DataObject) -> None:
        """Holds for any fragments that spread each other."""
        count = data.draw(st.integers(1, 5))
        bodies: list[str] = []
        for number in range(count):
            parts = ["name"]
            for part in range(data.draw(st.integers(0, 4))):
                below = data.draw(st.integers(number + 1, count))
                spread = f"...F{below}" if below < count else "name secret"
                on = data.draw(st.sampled_from(["", "... on One ", "... on Other "]))
                parts.append(f"{on}{{ a{part}: children {{ {spread} }} }}" if on else
                             f"b{part}: children {{ {spread} }}")  # fmt: skip
            bodies.append(f"fragment F{number} on Thing {{ {' '.join(parts)} }}")
        text = " ".join(["{ some { ...F0 } }", *bodies])
        engine = thing_schema(UNLIMITED).engine
        if not isinstance(engine.operation(text), Refused):
            # A set of fields may occur alone and merged with others.
            assert plans_of(engine, text) <= 2 * TYPES * fields_in(text)


class TestCost:
    def test_cost_is_evaluated_once_for_each_place_of_the_text(self) -> None:
        text = "query($n: Int!) { some " + "{ children " * 16
        text += "{ a: children(first: $n) { name } }" + " }" * 16 + "}"
        operation = compiled(thing_schema(UNLIMITED).engine, text, n=3)
        values = operation.coerce({"n": 3})
        assert not isinstance(values, Refused)
        operation.cost.of(values)
        profile = Profile()
        cost = profile.runcall(operation.cost.of, values)
        assert cost == 1 + 1 + 16 * 2 + 1 + 3
        assert sum(entry.callcount for entry in profile.getstats()) < 1_500

    async def test_compiling_is_charged_for_each_set_of_conditions(self) -> None:
        text = "query($a: Boolean!, $b: Boolean!) { some @include(if: $a) { name @skip(if: $b) } }"
        engine = thing_schema().engine
        charged: list[int] = []
        for a, b in [(True, True), (True, False), (True, True), (False, False)]:
            await engine.run(text, variables={"a": a, "b": b}, charge=charged.append)
        reading, tokens, nodes = 1 + len(text) // 4, 35, 2
        assert charged == [reading, tokens, nodes, 2, nodes, 2, 2, nodes, 0]

    async def test_each_step_is_charged_before_it_is_done(self) -> None:
        engine = thing_schema().engine
        text = "query($a: Boolean!) { some { name @skip(if: $a) } }"
        for stop_at in range(4):
            engine = thing_schema().engine
            charged: list[int] = []

            def charge(cost: int, charged: list[int] = charged, stop_at: int = stop_at) -> None:
                if len(charged) == stop_at:
                    raise LookupError
                charged.append(cost)

            profile = Profile()
            profile.enable()
            with pytest.raises(LookupError):
                await engine.run(text, variables={"a": True}, charge=charge)
            profile.disable()
            done = {getattr(entry.code, "co_name", "") for entry in profile.getstats()}
            steps = [step in done for step in ("parse", "validate", "_amount", "_execute")]
            assert steps == [number < stop_at for number in range(4)]

    async def test_errors_are_charged(self) -> None:
        engine = thing_schema().engine
        charged: list[int] = []
        text = "query($n: Int!) { some(first: $n) { name } }"
        for variables in ({"n": "x"}, {"n": "x"}, {"n": 10**6}):
            await engine.run(text, variables=variables, charge=charged.append)
        assert charged[2:] == [COST_OF_ERROR, COST_OF_ERROR, 2, COST_OF_ERROR]

    def test_reading_is_charged_once_for_each_operation_of_a_document(self) -> None:
        text = " ".join(f"query Q{number} {{ some {{ name }} }}" for number in range(9))
        engine = thing_schema().engine
        charged: list[int] = []
        for name in ("Q1", "Q2", "Q1"):
            operation = engine.operation(text, name, charge=charged.append)
            assert isinstance(operation, Operation)
        assert charged == [1 + len(text) // 4, 72] * 2


class TestErrors:
    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    async def test_error_has_the_first_place_of_its_field(self, executor: ExecutorName) -> None:
        schema = thing_schema(executor=executor)
        result = await schema.run("{ some(first: 3) {" + "\n secret" * 12 + "} }")
        assert [error.locations for error in result.errors or ()] == [[(2, 2)]] * 3

    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    def test_errors_take_no_longer_after_many_lines(self, executor: ExecutorName) -> None:
        schema = thing_schema(executor=executor)
        text = "{ some(first: 50) { secret } }"
        steps: list[int] = []
        with asyncio.Runner() as runner:  # a loop in which nothing else runs
            for lines in (1, 10_000):
                moved = "\n" * lines + text
                runner.run(schema.run(moved))  # finds the lines, once
                with Profile() as profile:
                    result = runner.run(schema.run(moved))
                steps.append(sum(entry.callcount for entry in profile.getstats()))
                places = [error.locations for error in result.errors or ()]
                assert places == [[(lines + 1, 21)]] * 50
        assert abs(steps[1] - steps[0]) < 100

    @pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
    def test_lines_are_counted_as_by_graphql_core(self, newline: str) -> None:
        text = newline.join(["", "{ a", "b #", "", " c"]) + "}"
        refused = thing_schema().engine.operation(text)
        assert isinstance(refused, Refused)
        assert [error.locations for error in refused.errors or ()] == [[(2, 3)], [(3, 1)], [(5, 2)]]

    def test_errors_of_a_document_are_few(self) -> None:
        text = "{ " + " ".join(f"x{number}" for number in range(300)) + " }"
        refused = thing_schema().engine.operation(text)
        assert isinstance(refused, Refused)
        assert len(refused.errors or ()) == 21
