"""The costs of operations: they follow from what may be returned, before anything runs."""

from typing import Any

import pytest

from tests.weft.execution.boxes import WEIGHT, box_schema
from weft.declare.fields import MUTATION_WEIGHT
from weft.declare.pagination import DEFAULT_SIZE, MAX_SIZE
from weft.execution.cost import ASSUMED_LIST_SIZE, COST_OF_ERROR, cost_of_reading
from weft.execution.engine import Engine
from weft.execution.errors import Refused
from weft.execution.limits import Limits


@pytest.fixture(scope="module")
def engine() -> Engine:
    return box_schema().engine


def cost(engine: Engine, text: str, **variables: Any) -> int:
    operation = engine.operation(text)
    assert not isinstance(operation, Refused), operation.errors
    values = operation.coerce(variables)
    assert not isinstance(values, Refused), values.errors
    return operation.cost.of(values)


class TestCost:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{ __typename }", 0),
            ("{ box { name } }", 2),
            ("{ box { name lid } }", 2 + WEIGHT),
            ("{ a: box { name } b: box { name } }", 4),
            ("{ box { name } box { lid } ...F } fragment F on Query { box { name } }", 2 + WEIGHT),
            ("{ boxes { nodes { name } } }", 2 + DEFAULT_SIZE),
            ("{ boxes(first: 3) { nodes { name lid } } }", 2 + 3 * (1 + WEIGHT)),
            ("{ boxes(last: 3) { nodes { boxes(first: 5) { nodes { name } } } } }", 2 + 3 * 8),
            ("{ boxes(first: 1000000) { nodes { name } } }", 2 + MAX_SIZE),
            ("{ boxes(first: -7) { nodes { name } } }", 2),
            ("{ box { parts { name } } }", 2 + 1 + ASSUMED_LIST_SIZE),
            ("{ byId(ids: [1, 2, 3]) { name } }", 1 + 3),
            ("{ byId(ids: 1) { name } }", 1 + 1),
            ("{ either { ... on Crate { name } ... on Box { lid } } }", 2 + WEIGHT),
            ("{ box @skip(if: true) { lid } }", 0),
            ("{ box @include(if: false) { lid } }", 0),
            ("mutation { make { name } }", MUTATION_WEIGHT + 1),
            ("subscription { opened { lid } }", 2 + WEIGHT),
        ],
    )
    def test_cost_follows_from_the_text(self, engine: Engine, text: str, expected: int) -> None:
        assert cost(engine, text) == expected

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [({}, 2 + 4), ({"n": 9}, 2 + 9), ({"n": 10**6}, 2 + MAX_SIZE), ({"n": 0}, 2)],
    )
    def test_cost_depends_on_variables_and_their_defaults(
        self, engine: Engine, variables: dict[str, int], expected: int
    ) -> None:
        text = "query($n: Int = 4) { boxes(first: $n) { nodes { name } } }"
        assert cost(engine, text, **variables) == expected

    def test_missing_variable_costs_as_much_as_a_missing_argument(self, engine: Engine) -> None:
        text = "query($n: Int) { boxes(first: $n) { nodes { name } } }"
        assert cost(engine, text) == cost(engine, text, n=None) == 2 + DEFAULT_SIZE

    def test_cost_multiplies_through_all_levels(self, engine: Engine) -> None:
        text = """query($n: Int, $m: Int) {
            boxes(first: $n) { nodes { boxes(first: $m) { nodes { lid } } } }
        }"""
        assert cost(engine, text, n=5, m=7) == 2 + 5 * (1 + 2 + 7 * (1 + WEIGHT))

    def test_cost_counts_the_members_of_list_variables(self, engine: Engine) -> None:
        assert cost(engine, "query($i: [Int!]!) { byId(ids: $i) { name } }", i=[1, 2, 3]) == 4
        assert cost(engine, "query($i: [Int!]!) { byId(ids: $i) { name } }", i=1) == 2
        assert cost(engine, "query($i: Int!) { byId(ids: [1, $i]) { name } }", i=2) == 3

    def test_skipped_fields_cost_nothing(self, engine: Engine) -> None:
        text = "query($p: Boolean!) { box @include(if: $p) { lid } }"
        assert (cost(engine, text, p=True), cost(engine, text, p=False)) == (2 + WEIGHT, 0)

    def test_conditions_of_another_operation_do_not_matter(self, engine: Engine) -> None:
        text = "query A { box { name } } query B($p: Boolean!) { box @skip(if: $p) { name } }"
        operation = engine.operation(text, "A")
        assert not isinstance(operation, Refused)
        values = operation.coerce({})
        assert not isinstance(values, Refused)
        assert operation.cost.of(values) == 2


class TestLimit:
    TEXT = "query($n: Int) { boxes(first: $n) { nodes { name } } }"

    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    async def test_refusal_gives_the_cost_and_the_maximum(self, executor: Any) -> None:
        engine = box_schema(Limits(cost=12), executor=executor).engine
        result = await engine.run(self.TEXT, variables={"n": 11})
        assert isinstance(result, Refused)
        (error,) = list(result.errors or [])
        assert getattr(error.original_error, "extensions", None) == {
            "code": "COST_LIMIT_EXCEEDED",
            "cost": 13,
            "maximum": 12,
        }
        assert not isinstance(await engine.run(self.TEXT, variables={"n": 10}), Refused)

    async def test_subscriptions_have_a_limit_of_their_own(self) -> None:
        engine = box_schema(Limits(subscription_cost=8)).engine
        assert isinstance(await engine.open("subscription { opened { lid } }"), Refused)
        results = await engine.stream("subscription { opened { name } }")
        assert not isinstance(results, Refused)
        assert [result.data async for result in results] == [{"opened": {"name": "box"}}]

    async def test_result_has_its_cost_if_configured(self) -> None:
        engine = box_schema(tell_cost=True).engine
        result = await engine.run("{ box { name } }")
        assert result.extensions == {"cost": 2}
        assert (await box_schema().engine.run("{ box { name } }")).extensions is None


class TestCharge:
    async def test_charge_comes_before_anything_runs_and_once_for_reading(
        self, engine: Engine
    ) -> None:
        charged: list[int] = []
        text = "query Charged { box { name } }"
        for _ in range(3):
            await engine.run(text, charge=charged.append)
        tokens, nodes = 8, 2
        assert charged == [cost_of_reading(text), tokens, nodes, 2, 2, 2]

    async def test_refused_texts_are_charged(self, engine: Engine) -> None:
        charged: list[int] = []
        for text in ("{ nothing }", "{ nothing }", "{"):
            await engine.run(text, charge=charged.append)
        reading, tokens = cost_of_reading("{ nothing }"), 3
        unknown = [reading, tokens, COST_OF_ERROR]
        assert charged == [*unknown, *unknown, cost_of_reading("{"), COST_OF_ERROR]

    async def test_exception_of_charge_ends_the_request(self, engine: Engine) -> None:
        def refuse(_: int) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await engine.run("{ box { name } }", charge=refuse)
