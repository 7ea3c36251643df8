"""What both executors refuse, and what they end at a deadline."""

from typing import Any

import pytest
from graphql import ExecutionResult, OperationType

from tests.weft.execution.shop import Site
from tests.weft.execution.told import codes, told
from weft.execution import Refused, Schema, format_error


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
    async def test_refusal_has_a_code_and_no_data(
        self, schema: Schema, site: Site, text: str, options: dict[str, Any], code: str
    ) -> None:
        result = await schema.run(text, context=site, **options)
        assert isinstance(result, Refused)
        assert set(codes(result)) == {code}
        assert site.calls == []


class TestNull:
    """A nullable variable with a default is valid where null is not, and null may be given."""

    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("query ($a: Boolean = true) { things { key } __typename @skip(if: $a) }", None),
            ("query ($a: Boolean = true) { things { key } thing @include(if: $a) { key } }", None),
            ("query ($a: Boolean = true) { things { key } ... @skip(if: $a) { paged } }", None),
            ("query ($a: Boolean = true) { ... on Query @include(if: $a) { paged } }", None),
            (
                "query ($a: Boolean = true) { ...F @skip(if: $a) } fragment F on Query { paged }",
                None,
            ),
            (
                "query ($a: Boolean = true) { things { key } ...F } "
                "fragment F on Query { ...G } fragment G on Query { paged @include(if: $a) }",
                None,
            ),
            (
                "query ($a: Boolean = true) "
                "{ __schema @include(if: $a) { queryType { name } } paged }",
                None,
            ),
            (
                'mutation ($a: Boolean = true) { write(label: "a") { key } '
                '... @skip(if: $a) { b: write(label: "b") { key } } }',
                None,
            ),
            ("query ($a: Boolean = true) { thing { key @skip(if: $a) } }", ["thing"]),
            (
                "query ($a: Boolean = true) { thing { ...F } } "
                "fragment F on Thing { ... @include(if: $a) { key } }",
                ["thing"],
            ),
            ("query ($a: Int = 1) { thing(key: $a) { key } }", ["thing"]),
            ('mutation ($a: String = "b") { write(label: $a) { key } }', ["write"]),
        ],
    )
    async def test_null_where_it_is_forbidden_is_an_error_of_the_client(
        self, schema: Schema, site: Site, text: str, path: list[str] | None
    ) -> None:
        result = await schema.run(text, variables={"a": None}, context=site)
        (shown,) = map(format_error, result.errors or [])
        assert shown.get("extensions") == {"code": "BAD_USER_INPUT"}
        assert "variable '$a' provided to non-null type" in shown.get("message", "")
        assert (result.data or {}).get("things") is None
        assert shown.get("path") == path
        assert site.calls == []

    @pytest.mark.parametrize(
        "text",
        [
            "subscription ($a: Boolean = true) { ticks { key @skip(if: $a) } }",
            "subscription ($a: Boolean = true) { ticks { ... @include(if: $a) { key } } }",
        ],
    )
    async def test_null_condition_fails_each_event_alike(
        self, schema: Schema, site: Site, text: str
    ) -> None:
        results = await schema.stream(text, variables={"a": None}, context=site)
        assert {code async for result in results for code in codes(result)} == {"BAD_USER_INPUT"}


class TestDeadline:
    async def test_deadline_keeps_what_was_answered(self, schema: Schema, site: Site) -> None:
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

    async def test_deadline_error_propagates_where_null_is_forbidden(
        self, schema: Schema, site: Site
    ) -> None:
        result = await schema.run("{ must things { key } }", context=site, deadline_seconds=0.05)
        assert result.data is None
        assert codes(result) == ["DEADLINE_EXCEEDED"]

    async def test_deadline_that_is_met_changes_nothing(self, schema: Schema, site: Site) -> None:
        result = await schema.run("{ thing { key } }", context=site, deadline_seconds=30)
        assert result == ExecutionResult({"thing": {"key": 1}}, None)
