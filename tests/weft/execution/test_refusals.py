"""What both executors refuse, and what they break off."""

from typing import Any

import pytest
from graphql import ExecutionResult, OperationType

from tests.weft.execution.shop import Site
from tests.weft.execution.told import codes, told
from weft.execution import Refused, Schema


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "options", "code"),
        [
            ("{", {}, "GRAPHQL_PARSE_FAILED"),
            ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
            ("query A { things { key } } query B { things { key } }", {}, "BAD_REQUEST"),
            ("query A { things { key } }", {"operation_name": "B"}, "BAD_REQUEST"),
            ("query($k: Int!) { thing(key: $k) { key } }", {}, "BAD_USER_INPUT"),
            (
                "query($k: Int!) { thing(key: $k) { key } }",
                {"variables": {"k": "x"}},
                "BAD_USER_INPUT",
            ),
            (
                'mutation { write(label: "a") { key } }',
                {"allow": {OperationType.QUERY}},
                "BAD_REQUEST",
            ),
            ("subscription { ticks { key } }", {}, "BAD_REQUEST"),
            ("{ " * 500, {}, "GRAPHQL_PARSE_FAILED"),
        ],
    )
    async def test_has_a_code_and_no_data(
        self, schema: Schema, site: Site, text: str, options: dict[str, Any], code: str
    ) -> None:
        result = await schema.run(text, context=site, **options)
        assert isinstance(result, Refused)
        assert set(codes(result)) == {code}
        assert site.calls == []


class TestDeadline:
    async def test_keeps_what_is_there(self, schema: Schema, site: Site) -> None:
        text = "{ blocked things { key owner { key } slowOwner { key } } }"
        result = await schema.run(text, context=site, deadline_seconds=0.1)
        assert result.data == {
            "blocked": None,
            "things": [
                {"key": key, "owner": {"key": key % 2}, "slowOwner": None} for key in range(3)
            ],
        }
        assert [path for _, path in told(result)] == [
            ["blocked"],
            ["things", 0, "slowOwner"],
            ["things", 1, "slowOwner"],
            ["things", 2, "slowOwner"],
        ]
        assert set(codes(result)) == {"DEADLINE_EXCEEDED"}

    async def test_spreads_where_null_is_forbidden(self, schema: Schema, site: Site) -> None:
        result = await schema.run("{ must things { key } }", context=site, deadline_seconds=0.05)
        assert result.data is None
        assert codes(result) == ["DEADLINE_EXCEEDED"]

    async def test_that_is_met_changes_nothing(self, schema: Schema, site: Site) -> None:
        result = await schema.run("{ thing { key } }", context=site, deadline_seconds=30)
        assert result == ExecutionResult({"thing": {"key": 1}}, None)
