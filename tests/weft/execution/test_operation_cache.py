"""What is kept of compiled operations, and what is not."""

import pytest

from tests.weft.execution.shop import Site
from weft.execution import Schema
from weft.execution.engine import BYTES_PER_CHARACTER, Engine
from weft.execution.operation_cache import SegmentedCache


def text(number: int) -> str:
    return f"{{ thing {{ alias{number}: key }} }}"


class TestSegmentedCache:
    def test_keeps_what_is_asked_for_again_through_a_sweep(self) -> None:
        cache: SegmentedCache[int, str] = SegmentedCache(max_entries=100, max_bytes=10_000)
        for key in range(50):
            cache.put(key, "hot", 10)
            assert cache.get(key) == "hot"
        for key in range(1000, 100_000):
            cache.put(key, "once", 10)
        assert [key for key in range(50) if cache.get(key) is None] == []

    def test_never_exceeds_its_count_or_bytes(self) -> None:
        cache: SegmentedCache[int, int] = SegmentedCache(max_entries=20, max_bytes=1000)
        for key in range(500):
            cache.put(key, key, key % 90 + 1)
            cache.get(key - key % 3)
            cache.get(key)
            assert len(cache) <= 20
            assert cache.bytes <= 1000
        assert len(cache) > 5

    def test_does_not_keep_what_is_too_heavy(self) -> None:
        cache: SegmentedCache[str, str] = SegmentedCache(max_entries=10, max_bytes=1000)
        cache.put("small", "s", 10)
        cache.put("heavy", "h", 201)
        assert cache.get("heavy") is None
        assert cache.get("small") == "s"

    def test_counts_a_value_that_is_put_again_once(self) -> None:
        cache: SegmentedCache[str, int] = SegmentedCache(max_entries=10, max_bytes=1000)
        for value in range(5):
            cache.put("key", value, 100)
            cache.get("key")
        assert (cache.get("key"), len(cache), cache.bytes) == (4, 1, 100)

    def test_makes_room_for_a_new_hot_set(self) -> None:
        cache: SegmentedCache[int, int] = SegmentedCache(max_entries=10, max_bytes=1000)
        for key in range(100):
            cache.put(key, key, 1)
            cache.get(key)
        assert cache.get(99) == 99
        assert cache.get(0) is None


class TestEngine:
    async def test_compiles_a_text_once(self, compiled: Schema) -> None:
        engine = Engine(compiled.graphql_schema)
        assert engine.operation(text(1)) is engine.operation(text(1))
        assert engine.operation(text(1)) is not engine.operation(text(2))

    async def test_keeps_operations_of_one_text_apart(self, compiled: Schema) -> None:
        both = "query A { thing { key } } query B { thing { label } }"
        a = await compiled.run(both, operation_name="A", context=Site())
        b = await compiled.run(both, operation_name="B", context=Site())
        assert (a.data, b.data) == ({"thing": {"key": 1}}, {"thing": {"label": "label"}})

    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    async def test_a_sweep_does_not_evict_the_hot_set(
        self, compiled: Schema, executor: str
    ) -> None:
        engine = Engine(compiled.graphql_schema, executor=executor, max_operations=20)  # type: ignore[arg-type]
        hot = [engine.operation(text(number)) for number in range(10) for _ in range(2)][::2]
        for number in range(100, 200):
            engine.operation(text(number))
        assert [engine.operation(text(number)) for number in range(10)] == hot

    async def test_does_not_keep_an_oversized_document(self, compiled: Schema) -> None:
        room = 5 * len(text(1)) * BYTES_PER_CHARACTER
        engine = Engine(compiled.graphql_schema, max_operation_bytes=room)
        oversized = text(1) + " " * len(text(1))
        assert engine.operation(oversized) is not engine.operation(oversized)
        assert engine.operation(text(1)) is engine.operation(text(1))

    async def test_keeps_few_plans_of_one_operation(self, compiled: Schema) -> None:
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
