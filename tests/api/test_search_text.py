"""Which searches are accepted, and what they cost."""

from typing import Any

import hypothesis.strategies as some
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from tests.client import Api

SEARCH = "query($filter: ItemFilter, $by: ItemOrder) { items(filter: $filter, orderBy: $by) {"
PAGE = SEARCH + " nodes { title } } }"
COUNT = SEARCH + " totalCount } }"
USERS = "query($search: String) { users(search: $search) { nodes { name } } }"

# Words, stop words, quotes, signs and operators of PostgreSQL.
WORDS = """horse cat the or OR - -horse -cat -the " "a -"big cat" ! & | ( ) : * ' \\ -5 x-y -x-y --
é -é"""
texts = some.lists(some.sampled_from(WORDS.split()), max_size=6).map(" ".join) | some.text(
    some.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


class TestLoneNegation:
    @hypothesis_settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(text=texts.filter(lambda text: len(text) <= 200))
    async def test_search_is_refused_if_it_would_find_a_text_without_words(
        self, api: Api, text: str
    ) -> None:
        for language, query, of in (
            ("english", PAGE, {"filter": {"search": text}}),
            ("simple", USERS, {"search": text}),
        ):
            found: Any = await api.connection.fetchrow(
                "SELECT ''::tsvector @@ asked AS without_words, querytree(asked) = 'T' AS whole "
                "FROM websearch_to_tsquery($1::regconfig, $2) AS asked",
                *(language, text),
            )
            # Refused too if PostgreSQL says that no index helps, as for `- -word`.
            assert found["whole"] or not found["without_words"]
            answer = await api.answer(query, of)
            codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
            expected = ["BAD_USER_INPUT"] if found["whole"] and text.strip() else []
            assert codes == expected, (text, language)

    @pytest.mark.parametrize(
        "search", ["-zzz", '-"a b c d"', "-apple -bear", "apple or -bear", "-apple or bear or -cat"]
    )
    async def test_lone_negation_is_refused_at_its_argument_before_any_search(
        self, api: Api, search: str
    ) -> None:
        owner = await api.user()
        for text, variables, path, name in (
            (PAGE, {"filter": {"search": search}}, ["items"], "filter.search"),
            (COUNT, {"filter": {"search": search}}, ["items"], "filter.search"),
            (PAGE, {"filter": {"search": search, "ownerId": owner.id}}, ["items"], "filter.search"),
            (USERS, {"search": search}, ["users"], "search"),
            (
                "query($s: String) { viewer { items(filter: {search: $s}) { totalCount } } }",
                {"s": search},
                ["viewer", "items"],
                "filter.search",
            ),
        ):
            api.statements.clear()
            answer = await api.answer(text, variables, owner)
            [error] = answer["errors"]
            assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", path)
            assert error["message"].startswith(f"{name} must have a word")
            assert not [sql for sql in api.statements if "@@" in sql]

    async def test_negation_beside_a_word_and_a_search_without_words_are_accepted(
        self, api: Api
    ) -> None:
        owner = await api.user()
        await api.item(owner, "A horse")
        for search, found in (("horse -cat", 1), ("horse -cat or cow -cat", 1), ("the", 0)):
            answer = await api.data(COUNT, {"filter": {"search": search}})
            assert answer["items"]["totalCount"] == found, search


class TestCost:
    async def test_cost_counts_what_a_search_reads(self, api: Api) -> None:
        async def cost(arguments: str, **variables: Any) -> int:
            declared = "query($s: String, $f: ItemFilter, $o: ItemOrder, $t: [String!])"
            text = f"{declared} {{ items(first: 3{arguments}) {{ nodes {{ id }} }} }}"
            answer = await api.answer(text.replace(declared, _only(declared, text)), variables)
            assert "errors" not in answer
            return answer["extensions"]["cost"]

        plain = await cost("")
        assert plain == 1 + 1 + 3
        owner = await api.user()
        assert await cost(", filter: {status: [PUBLISHED]}") == plain
        assert await cost(", orderBy: {field: TITLE}") == plain
        assert await cost(f', filter: {{ownerId: "{owner.id}"}}') == plain
        assert await cost(f', filter: {{ownerId: "{owner.id}", tags: ["a"]}}') == plain + 19
        for arguments, variables in (
            (', filter: {search: "horse"}', {}),
            (", filter: {search: $s}", {"s": "horse"}),
            (", filter: $f", {"f": {"search": "horse"}}),
            (", filter: {tags: $t}", {"t": ["red"]}),
            (
                ", filter: $f, orderBy: $o",
                {"f": {"updatedAfter": "2026-01-01T00:00:00Z"}, "o": {"field": "TITLE"}},
            ),
        ):
            assert await cost(arguments, **variables) == plain + 999, arguments
        assert await cost(", filter: {search: $s}", s=" ") == plain
        assert await cost(", filter: {search: $s}") == plain

    async def test_cost_of_many_searches_exceeds_the_limit(self, api: Api) -> None:
        parts = [f'a{n}: items(filter: {{search: "w{n}"}}) {{ nodes {{ id }} }}' for n in range(50)]
        errors = await api.errors("{ " + " ".join(parts) + " }")
        assert [code for code, _ in errors] == ["COST_LIMIT_EXCEEDED"]


def _only(declared: str, text: str) -> str:
    """Returns the declaration with only the variables that the text uses."""
    names = declared.removeprefix("query(").removesuffix(")").split(", ")
    used = [name for name in names if f"{name.partition(':')[0]}" in text.removeprefix(declared)]
    return f"query({', '.join(used)})" if used else "query"
