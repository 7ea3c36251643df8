"""The answers of both executors, case by case."""

import asyncio
from typing import Any

import pytest
from graphql import get_introspection_query

from tests.weft.execution.shop import OwnerRow, Site, ThingRow
from tests.weft.execution.told import codes, told
from weft.errors import BadArgument
from weft.execution import Refused, Schema


class TestNull:
    async def test_null_item_of_a_list_that_forbids_null_nulls_the_list(
        self, schema: Schema, site: Site
    ) -> None:
        site.things = [ThingRow(1), None]
        result = await schema.run("{ things { key } }", context=site)
        assert result.data == {"things": None}
        assert told(result) == [
            ("Cannot return null for non-nullable field Query.things.", ["things", 1])
        ]

    async def test_null_leaf_propagates_to_the_nearest_object_that_may_be_null(
        self, schema: Schema, site: Site
    ) -> None:
        site.things = [ThingRow(1), ThingRow(2, None)]
        result = await schema.run("{ maybeThings { key label } }", context=site)
        assert result.data == {"maybeThings": [{"key": 1, "label": "label"}, None]}
        assert told(result) == [
            ("Cannot return null for non-nullable field Thing.label.", ["maybeThings", 1, "label"])
        ]

    async def test_null_object_spares_the_sibling_that_awaits_the_same_future(
        self, schema: Schema, site: Site
    ) -> None:
        shared = asyncio.get_running_loop().create_future()
        site.load = shared
        asyncio.get_running_loop().call_later(0.01, shared.set_result, None)
        site.answer = lambda rows: [
            RuntimeError("lost") if row.key == 0 else OwnerRow(row.key) for row in rows
        ]
        text = "{ maybeThings { key owner { key } maybeOwner { key must } count } }"
        result = await schema.run(text, context=site)
        things = result.data["maybeThings"]  # type: ignore[index]
        assert things[0] is None
        assert things[1:] == [
            {"key": key, "owner": {"key": key}, "maybeOwner": None, "count": key} for key in (1, 2)
        ]
        assert ("lost", ["maybeThings", 0, "owner"]) in told(result)
        assert ("Not for you.", ["maybeThings", 1, "maybeOwner", "must"]) in told(result)


class TestBatch:
    async def test_wrong_number_of_results_is_an_error_that_gives_both_numbers(
        self, schema: Schema, site: Site
    ) -> None:
        site.answer = lambda rows: [OwnerRow(1)] * 2
        result = await schema.run("{ things { maybeOwner { key } } }", context=site)
        message = "Thing.maybeOwner promised 3 results, one for each parent, and gave 2"
        assert told(result) == [(message, ["things", index, "maybeOwner"]) for index in range(3)]
        assert codes(result) == ["INTERNAL_SERVER_ERROR"] * 3

    async def test_result_that_is_no_list_is_an_error(self, schema: Schema, site: Site) -> None:
        site.answer = lambda rows: 7
        result = await schema.run("{ things { maybeOwner { key } } }", context=site)
        assert [path for _, path in told(result)] == [
            ["things", index, "maybeOwner"] for index in range(3)
        ]

    async def test_resolver_is_called_once_for_all_parents(
        self, schema: Schema, site: Site
    ) -> None:
        await schema.run("{ things { owner { count } count } }", context=site)
        compiled = schema.engine.executor == "compiled"
        # The compiled executor has one parent for an owner that occurs under several things.
        owners = 2 if compiled else 3
        assert sorted(site.calls) == [("count", owners), ("count", 3), ("owner", 3)]

    async def test_error_for_one_parent_leaves_the_others_answered(
        self, schema: Schema, site: Site
    ) -> None:
        site.answer = lambda rows: [OwnerRow(0), BadArgument("Bad."), OwnerRow(2)]
        result = await schema.run("{ things { maybeOwner { key } } }", context=site)
        owners = [thing["maybeOwner"] for thing in result.data["things"]]  # type: ignore[index]
        assert owners == [{"key": 0}, None, {"key": 2}]
        assert codes(result) == ["BAD_USER_INPUT"]

    async def test_cancellation_inside_a_resolver_is_an_error_of_its_field(
        self, schema: Schema, site: Site
    ) -> None:
        def cancelled(rows: list[Any]) -> Any:
            raise asyncio.CancelledError

        site.answer = cancelled
        result = await schema.run("{ things { key maybeOwner { key } count } }", context=site)
        assert result.data == {
            "things": [{"key": key, "maybeOwner": None, "count": key} for key in range(3)]
        }
        assert len(told(result)) == 3


class TestSharedRow:
    async def test_error_of_a_shared_row_is_reported_at_each_of_its_places(
        self, schema: Schema, site: Site
    ) -> None:
        one = OwnerRow(5)
        site.answer = lambda rows: [one] * len(rows)
        result = await schema.run("{ things { maybeOwner { key secret } } }", context=site)
        assert told(result) == [
            ("Not for you.", ["things", index, "maybeOwner", "secret"]) for index in range(3)
        ]

    async def test_null_in_a_shared_row_nulls_each_of_its_places(
        self, schema: Schema, site: Site
    ) -> None:
        one = OwnerRow(5)
        site.answer = lambda rows: [one] * len(rows)
        result = await schema.run("{ things { key maybeOwner { key must } } }", context=site)
        assert result.data == {"things": [{"key": key, "maybeOwner": None} for key in range(3)]}
        assert len(told(result)) == 3


class TestAbstractType:
    async def test_row_determines_the_object_type(self, schema: Schema, site: Site) -> None:
        site.things = OwnerRow(4)
        text = "{ either { __typename ... on Thing { label } ... on Owner { key } } }"
        result = await schema.run(text, context=site)
        assert result.data == {"either": {"__typename": "Owner", "key": 4}}

    async def test_value_without_an_object_type_is_an_error(
        self, schema: Schema, site: Site
    ) -> None:
        site.things = object()
        result = await schema.run("{ either { __typename } thing { key } }", context=site)
        assert result.data == {"either": None, "thing": {"key": 1}}
        assert codes(result) == ["INTERNAL_SERVER_ERROR"]


class TestMutation:
    async def test_mutation_runs_its_fields_one_after_the_other(
        self, schema: Schema, site: Site
    ) -> None:
        text = """mutation {
            a: write(label: "a") { label }
            b: write(label: "bad") { label }
            c: write(label: "c") { count } }"""
        result = await schema.run(text, context=site)
        assert result.data == {"a": {"label": "a"}, "b": None, "c": {"count": 1}}
        assert told(result) == [("it broke", ["b"])]
        assert [call for call, _ in site.calls] == [
            "write a begins",
            "write a ends",
            "write bad begins",
            "write bad ends",
            "write c begins",
            "write c ends",
            "count",
        ]
        assert site.forgotten == 3

    async def test_mutation_stops_once_its_data_is_null(self, schema: Schema, site: Site) -> None:
        text = 'mutation { a: mustWrite(label: "bad") { key } b: write(label: "b") { key } }'
        result = await schema.run(text, context=site)
        assert result.data is None
        assert not isinstance(result, Refused)
        assert [call for call, _ in site.calls] == ["write bad begins", "write bad ends"]


class TestArguments:
    @pytest.mark.parametrize(
        ("text", "variables", "seen"),
        [
            ("{ echo }", {}, "None"),
            (
                "{ echo(choice: {number: 1}) }",
                {},
                "Choice(number=1, in_words=UNSET, tags=['none'])",
            ),
            (
                """query($w: String, $n: Int = 9) {
                    echo(choice: {number: $n, inWords: $w, tags: ["x"]}) }""",
                {"w": None},
                "Choice(number=9, in_words=None, tags=['x'])",
            ),
            (
                "query($c: ChoiceInput) { echo(choice: $c) }",
                {"c": {"number": 3, "tags": None}},
                "Choice(number=3, in_words=UNSET, tags=None)",
            ),
        ],
    )
    async def test_arguments_arrive_as_their_python_values(
        self, schema: Schema, site: Site, text: str, variables: dict[str, Any], seen: str
    ) -> None:
        result = await schema.run(text, variables=variables, context=site)
        assert result.data == {"echo": seen}

    async def test_prepare_makes_the_arguments_of_the_resolver(
        self, schema: Schema, site: Site
    ) -> None:
        text = "query($n: Int) { a: paged(first: $n) b: paged c: paged(first: 2) }"
        for _ in range(2):
            result = await schema.run(text, variables={"n": 7}, context=site)
            assert result.data == {"a": "page 7", "b": "page None", "c": "page 2"}

    async def test_invalid_arguments_are_an_error_of_the_client(
        self, schema: Schema, site: Site
    ) -> None:
        text = "query($k: Int = 1) { things { key } thing(key: $k) { key } }"
        result = await schema.run(text, variables={"k": None}, context=site)
        assert result.data is None
        assert codes(result) == ["BAD_USER_INPUT"]


class TestSkipAndInclude:
    TEXT = """query($yes: Boolean!, $no: Boolean!) {
        thing { ...F @include(if: $yes) ... @skip(if: $yes) { count } key @skip(if: $no) } }
        fragment F on Thing { label ...G @skip(if: $no) } fragment G on Thing { shout }"""

    @pytest.mark.parametrize(
        ("yes", "no", "keys"),
        [
            (True, False, ["label", "shout", "key"]),
            (True, True, ["label"]),
            (False, False, ["count", "key"]),
            (False, True, ["count"]),
        ],
    )
    async def test_conditions_are_decided_for_each_request(
        self, schema: Schema, site: Site, yes: bool, no: bool, keys: list[str]
    ) -> None:
        result = await schema.run(self.TEXT, variables={"yes": yes, "no": no}, context=site)
        assert list(result.data["thing"]) == keys  # type: ignore[index]


class TestOrdinaryStrawberryField:
    async def test_resolver_is_called_for_each_object(self, schema: Schema, site: Site) -> None:
        text = "{ plains { name upper(times: 2) thing { key owner { key } } } }"
        result = await schema.run(text, context=site)
        assert result.data == {
            "plains": [
                {
                    "name": name,
                    "upper": f"{name.upper() * 2}@['plains', {index}, 'upper']",
                    "thing": {"key": len(name), "owner": {"key": len(name) % 2}},
                }
                for index, name in enumerate(("a", "bc"))
            ]
        }


class TestIntrospection:
    async def test_introspection_equals_that_of_strawberry(
        self, schema: Schema, site: Site
    ) -> None:
        result = await schema.run(get_introspection_query(), context=site)
        assert result.data == schema.introspect()
