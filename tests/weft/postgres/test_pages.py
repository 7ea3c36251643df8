from collections.abc import Sequence

import asyncpg
import hypothesis.strategies as some
from hypothesis import HealthCheck, given, settings

from weft.postgres.pages import array_literal

# All that PostgreSQL can hold.
texts = some.text(some.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


class TestArrayLiteral:
    @settings(
        max_examples=200,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(values=some.lists(texts | some.sampled_from(['"', "\\", "{", ",", "NULL", " ", ""])))
    async def test_postgresql_reads_the_values_that_the_literal_was_made_of(
        self, connection: asyncpg.Connection, values: Sequence[str]
    ) -> None:
        literal = array_literal(values)
        assert await connection.fetchval("SELECT CAST($1::text AS text[])", literal) == values
