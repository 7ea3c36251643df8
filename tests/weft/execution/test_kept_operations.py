"""Which compiled operations and plans are kept, and which are not."""

import pytest
from graphql import parse

from tests.weft.execution.shop import Site
from weft.bounded_cache import ENTRY_BYTES
from weft.execution import Schema
from weft.execution.engine import Engine
from weft.execution.operation import weight_of_operation


def text(number: int) -> str:
    return f"{{ thing {{ alias{number}: key }} }}"


ENTRY = weight_of_operation(text(100), parse(text(100)).token_count) + ENTRY_BYTES
ROOM = 20 * ENTRY


class TestEngine:
    async def test_text_is_compiled_once(self, compiled: Schema) -> None:
        engine = Engine(compiled.graphql_schema)
        assert engine.operation(text(1)) is engine.operation(text(1))
        assert engine.operation(text(1)) is not engine.operation(text(2))

    async def test_operations_of_one_text_are_kept_apart(self, compiled: Schema) -> None:
        both = "query A { thing { key } } query B { thing { label } }"
        a = await compiled.run(both, operation_name="A", context=Site())
        b = await compiled.run(both, operation_name="B", context=Site())
        assert (a.data, b.data) == ({"thing": {"key": 1}}, {"thing": {"label": "label"}})

    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    async def test_sweep_does_not_evict_the_hot_set(self, compiled: Schema, executor: str) -> None:
        engine = Engine(compiled.graphql_schema, executor=executor, max_operation_bytes=ROOM)  # type: ignore[arg-type]
        hot = [engine.operation(text(number)) for number in range(10) for _ in range(2)][::2]
        for number in range(100, 200):
            engine.operation(text(number))
        assert [engine.operation(text(number)) for number in range(10)] == hot

    async def test_oversized_document_is_not_kept(self, compiled: Schema) -> None:
        engine = Engine(compiled.graphql_schema, max_operation_bytes=5 * ENTRY)
        oversized = text(1).replace("key", " ".join(f"key a{place}: key" for place in range(60)))
        assert engine.operation(oversized) is not engine.operation(oversized)
        assert engine.operation(text(1)) is engine.operation(text(1))

    async def test_operation_keeps_few_plans(self, compiled: Schema) -> None:
        flags = [f"f{number}" for number in range(6)]
        definitions = ", ".join(f"${flag}: Boolean!" for flag in flags)
        fields = " ".join(f"{flag}: key @skip(if: ${flag})" for flag in flags)
        many = f"query({definitions}) {{ thing {{ key {fields} }} }}"
        for bits in range(64):
            variables = {flag: bool(bits >> place & 1) for place, flag in enumerate(flags)}
            result = await compiled.run(many, variables=variables, context=Site())
            shown = [flag for flag in flags if not variables[flag]]
            assert list(result.data["thing"]) == ["key", *shown]  # type: ignore[index]
        operation = compiled.engine.operation(many)
        assert len(operation._plans) <= 8  # type: ignore[union-attr]
