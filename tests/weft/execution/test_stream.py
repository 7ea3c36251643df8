"""Subscriptions, under either executor."""

from typing import Any

import pytest
from graphql import ExecutionResult

from tests.weft.execution.shop import Site
from weft.execution import Refused, Schema, format_error


async def stream(schema: Schema, text: str, site: Any) -> list[ExecutionResult]:
    results = await schema.stream(text, context=site)
    assert not isinstance(results, Refused)
    return [result async for result in results]


class TestStream:
    async def test_each_event_is_executed_in_a_renewed_context(
        self, schema: Schema, site: Site
    ) -> None:
        results = await stream(schema, "subscription { ticks { key owner { key } } }", site)
        assert [result.data for result in results] == [
            {"ticks": {"key": key, "owner": {"key": key % 2}}} for key in range(3)
        ]
        assert site.renewed == 3
        assert site.closed

    async def test_stream_continues_after_an_event_that_failed(
        self, schema: Schema, site: Site
    ) -> None:
        results = await stream(schema, "subscription { ticks { key label } }", site)
        assert [result.data for result in results] == [
            {"ticks": {"key": 0, "label": "label"}},
            None,
            {"ticks": {"key": 2, "label": "label"}},
        ]

    async def test_stream_ends_with_the_error_of_its_source(
        self, schema: Schema, site: Site
    ) -> None:
        results = await stream(schema, "subscription { ticks(failAt: 1) { key } }", site)
        assert results[0].data == {"ticks": {"key": 0}}
        assert results[1].data is None
        (error,) = results[1].errors or [None]
        assert error is not None
        assert format_error(error).get("extensions") == {"code": "FORBIDDEN"}
        assert site.closed

    async def test_stream_that_cannot_be_opened_is_refused(
        self, schema: Schema, site: Site
    ) -> None:
        results = await schema.stream("subscription { opened { key } }", context=site)
        assert isinstance(results, Refused)
        (error,) = results.errors or [None]
        assert error is not None
        assert format_error(error).get("extensions") == {"code": "FORBIDDEN"}

    async def test_closing_a_stream_closes_its_source(self, schema: Schema, site: Site) -> None:
        results = await schema.stream("subscription { ticks { key } }", context=site)
        assert (await anext(results)).data == {"ticks": {"key": 0}}
        await results.aclose()
        assert site.closed

    @pytest.mark.parametrize(
        "text", ["{ thing { key } }", 'mutation { write(label: "a") { key } }']
    )
    async def test_other_operations_give_one_result(
        self, schema: Schema, site: Site, text: str
    ) -> None:
        (result,) = await stream(schema, text, site)
        assert result.errors is None
