"""Malformed values are refused with a code and their place."""

import json
from typing import Any

import pytest

from tests.client import Api

CREATE = """mutation ($input: CreateItemInput!) {
  createItem(input: $input) { item { title } errors { code path } } }"""
HALVES = (r"\ud800", r"\udfff", r"\udfff\ud800", r"a\uDBFFb", r"\ud800A")
ODD = ("\u202etxt", "\ufeff", "é", "e\u0301", "\U0010ffff", "👩\u200d👧")
CREATE_HERE = "mutation { createItem(input: {%s}) { errors { code path } } }"
UPDATE = """mutation ($input: UpdateItemInput!) {
  updateItem(input: $input) { errors { code path } } }"""
ITEMS = """query ($first: Int, $last: Int) {
  items(first: $first, last: $last) { totalCount } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } }"


async def told(api: Api, raw: str) -> tuple[str, Any, str]:
    """Sends the body; returns the code, path and message of the only error."""
    headers = {"content-type": "application/json"}
    response = await api.http.post("/graphql", content=raw.encode(), headers=headers)
    assert response.status_code < 500
    (error,) = response.json()["errors"]
    return error["extensions"]["code"], error.get("path"), error["message"]


class TestNull:
    @pytest.mark.parametrize(
        "document",
        [
            "query ($given: [ID!] = []) { nodes(ids: $given) { id } }",
            "query ($given: [ID!] = []) { ...F } fragment F on Query { nodes(ids: $given) { id } }",
            'query ($given: ID = "x") { nodes(ids: [$given]) { id } }',
            'query ($given: ID = "x") { node(id: $given) { id } }',
        ],
    )
    async def test_null_for_a_non_null_type_is_bad_input(self, api: Api, document: str) -> None:
        code, _, message = await told(
            api, json.dumps({"query": document, "variables": {"given": None}})
        )
        assert code == "BAD_USER_INPUT"
        assert "None" not in message


class TestText:
    @pytest.mark.parametrize(
        ("variables", "place"),
        [
            (r'{"input":{"title":"a\u0000"}}', "$.variables.input.title"),
            (r'{"input":{"title":"a","tags":["b","\u0000"]}}', "$.variables.input.tags[1]"),
            (r'{"input":{"\u0000":1}}', "$.variables.input, in a name"),
        ],
    )
    async def test_nul_in_a_variable_is_refused_with_its_place(
        self, api: Api, variables: str, place: str
    ) -> None:
        raw = f'{{"query":{json.dumps(CREATE)},"variables":{variables}}}'
        code, _, message = await told(api, raw)
        assert code == "BAD_REQUEST"
        assert message.endswith(f"at `{place}`.")

    @pytest.mark.parametrize(
        ("input", "path"),
        [
            (r'title: "a\u0000"', ["title"]),
            (r'title: "a", description: "\u0000"', ["description"]),
            (r'title: "a", tags: ["b", "\u0000"]', ["tags", "1"]),
        ],
    )
    async def test_nul_in_the_document_is_refused_with_its_place(
        self, api: Api, input: str, path: list[str]
    ) -> None:
        ada = await api.user()
        data = await api.data(CREATE_HERE % input, by=ada)
        assert data["createItem"]["errors"] == [{"code": "INVALID", "path": path}]

    @pytest.mark.parametrize("half", HALVES)
    async def test_half_a_surrogate_pair_is_refused(self, api: Api, half: str) -> None:
        variables = f'{{"input":{{"title":"{half}"}}}}'
        in_variable = f'{{"query":{json.dumps(CREATE)},"variables":{variables}}}'
        code, _, message = await told(api, in_variable)
        assert (code, message) == ("BAD_REQUEST", "The JSON holds half of a surrogate pair.")
        in_document = json.dumps({"query": CREATE_HERE % f'title: "{half}"'})
        assert (await told(api, in_document))[0] == "GRAPHQL_PARSE_FAILED"

    @pytest.mark.parametrize("text", ODD)
    async def test_odd_but_valid_text_is_stored_unchanged(self, api: Api, text: str) -> None:
        ada = await api.user()
        given = f"a {text} b"
        data = await api.data(CREATE, {"input": {"title": given}}, ada)
        assert data["createItem"]["item"]["title"] == given


class TestNumbers:
    @pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5_000 + ".0"])
    async def test_numbers_beyond_any_range_are_refused_as_json(
        self, api: Api, number: str
    ) -> None:
        raw = f'{{"query":{json.dumps(ITEMS)},"variables":{{"first":{number}}}}}'
        assert (await told(api, raw))[0] == "BAD_REQUEST"

    @pytest.mark.parametrize("number", ["2147483648", "-2147483649", "9223372036854775808",
                                        "9" * 40, "1.5", '"1"', "true", "{}", "[[1]]"])  # fmt: skip
    async def test_value_that_is_no_int_is_refused_with_its_variable(
        self, api: Api, number: str
    ) -> None:
        raw = f'{{"query":{json.dumps(ITEMS)},"variables":{{"first":{number}}}}}'
        code, _, message = await told(api, raw)
        assert code == "BAD_USER_INPUT"
        assert message.startswith("Variable '$first'")

    @pytest.mark.parametrize("size", [-1, 101, 2**31 - 1, -(2**31)])
    @pytest.mark.parametrize("name", ["first", "last"])
    async def test_page_sizes_out_of_range_are_refused(
        self, api: Api, name: str, size: int
    ) -> None:
        assert await api.errors(ITEMS, {name: size}) in (
            [("BAD_PAGE", ["items"])], [("COST_LIMIT_EXCEEDED", None)],
        )  # fmt: skip

    @pytest.mark.parametrize("version", [0, -1, 2**31 - 1, -(2**31)])
    async def test_impossible_expected_versions_are_a_conflict(
        self, api: Api, version: int
    ) -> None:
        ada = await api.user()
        given = {"id": await api.item(ada), "expectedVersion": version, "title": "New"}
        data = await api.data(UPDATE, {"input": given}, ada)
        assert data["updateItem"]["errors"] == [{"code": "CONFLICT", "path": ["expectedVersion"]}]

    @pytest.mark.parametrize("id", [1, 0, -1, 2**63, 10**30, 1.0, "1e400", "", "\x7f"])
    async def test_malformed_ids_are_refused(self, api: Api, id: object) -> None:
        assert await api.errors(NODE, {"id": id}) == [("BAD_ID", ["node"])]


class TestNames:
    @pytest.mark.parametrize("name", ["nope", "\u202e", "a" * 100_000, " A", "A\n"])
    async def test_unknown_operation_names_are_refused(self, api: Api, name: str) -> None:
        raw = json.dumps({"query": "query A { __typename }", "operationName": name})
        assert (await told(api, raw))[0] == "BAD_REQUEST"
