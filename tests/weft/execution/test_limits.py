"""How large documents may be; reading them takes work in proportion to their length."""

import re
from collections.abc import Callable
from cProfile import Profile
from typing import Any

import pytest
from graphql import GraphQLError, get_introspection_query

from tests.weft.execution.boxes import box_schema
from weft.execution.engine import Engine
from weft.execution.errors import Refused
from weft.execution.limits import Limits

TOKENS = re.compile(r"\w+|\.\.\.|[^\w\s,]")
STEPS_PER_TOKEN = 600

SMALL = Limits(
    characters=2_000, tokens=120, depth=4, aliases=3, directives=3, fragments=3, nodes=12
)


def errors_of(refused: Refused) -> list[GraphQLError]:
    return refused.errors or []


def limit_that_refuses(engine: Engine, text: str) -> tuple[str, int] | None:
    """The name and value of the limit that refuses a text; None if the text is valid."""
    operation = engine.operation(text)
    if not isinstance(operation, Refused):
        return None
    (error,) = errors_of(operation)
    extensions: dict[str, Any] = getattr(error.original_error, "extensions", {})
    assert extensions["code"] == "DOCUMENT_LIMIT_EXCEEDED"
    return extensions["limit"], extensions["maximum"]


def nested(depth: int) -> str:
    return "{ box " * (depth - 1) + "{ __typename }" + " }" * (depth - 1)


def aliases(count: int) -> str:
    return "{" + " ".join(f"a{number}: __typename" for number in range(count)) + "}"


def fragments(count: int) -> str:
    spread = " ".join(f"...F{number}" for number in range(count))
    made = " ".join(f"fragment F{number} on Query {{ __typename }}" for number in range(count))
    return f"{{ {spread} }} {made}"


def doubling(count: int) -> str:
    """Each fragment spreads the next one twice: 2 ** count fields."""
    links = " ".join(
        f"fragment F{number} on Box {{ a: parts {{ ...F{number + 1} }} b: parts "
        f"{{ ...F{number + 1} }} }}"
        for number in range(count)
    )
    return f"{{ box {{ ...F0 }} }} {links} fragment F{count} on Box {{ name }}"


class TestLimits:
    @pytest.mark.parametrize(
        ("good", "bad", "limit"),
        [
            ("{ __typename }" + " " * 1_986, "{ __typename }" + " " * 1_987, "characters"),
            ("{ " + "__typename, " * 11 + "}", "{ " + "name " * 121 + "}", "tokens"),
            ("{ box { parts { parts { name } } } }", "{ box { parts { parts { parts "
             "{ name } } } } }", "depth"),
            (aliases(3), aliases(4), "aliases"),
            ("query @a { box @a @a { name } }", "query($x: Int @a) @a { box @a { ... @a "
             "{ name } } }", "directives"),
            (fragments(3), fragments(4), "fragments"),
            ("{ box { a: parts { name } } ...F ...F } fragment F on Query { a: __typename }",
             "{ ...F ...F ...F } fragment F on Query { box { name lid parts { name lid } } }",
             "nodes"),
            ("{" + " a: __typename" * 3 + "}", "{" + " __typename" * 13 + "}", "nodes"),
        ],
    )  # fmt: skip
    def test_larger_documents_are_refused(self, good: str, bad: str, limit: str) -> None:
        engine = box_schema(SMALL).engine
        refused_good = engine.operation(good)
        if isinstance(refused_good, Refused):  # for another error
            assert "LIMIT" not in repr([error.extensions for error in errors_of(refused_good)])
        refused = limit_that_refuses(engine, bad)
        assert refused == (limit, getattr(SMALL, limit))

    def test_fragments_count_as_often_as_they_are_spread(self) -> None:
        engine = box_schema(Limits(aliases=10**6)).engine
        assert limit_that_refuses(engine, doubling(9)) is None
        assert limit_that_refuses(engine, doubling(13)) == ("nodes", Limits().nodes)
        assert limit_that_refuses(engine, doubling(100)) == ("depth", Limits().depth)

    def test_operations_of_a_document_count_together(self) -> None:
        engine = box_schema(SMALL).engine
        text = " ".join(f"query Q{number} {{ box {{ name lid }} }}" for number in range(5))
        assert limit_that_refuses(engine, text) == ("nodes", 12)

    def test_cyclic_fragments_are_left_to_validation(self) -> None:
        engine = box_schema(SMALL).engine
        operation = engine.operation("{ ...F } fragment F on Query { ...G } fragment G on Query "
                                     "{ ...F }")  # fmt: skip
        assert isinstance(operation, Refused)
        assert "Cannot spread fragment" in str(operation.errors)

    @pytest.mark.parametrize(
        ("before", "again"), [("", "{a"), ("{a(b:", "["), ("query($a:", "["), ("{a(b:", "{c:")]
    )
    def test_limits_refuse_what_nests_too_deeply_to_parse(self, before: str, again: str) -> None:
        engine = box_schema(Limits(characters=10**9, tokens=100_000)).engine
        refused = limit_that_refuses(engine, before + again * 20_000)
        assert refused in (("depth", 20), ("tokens", 100_000))

    def test_refusal_has_the_location_of_the_excess(self) -> None:
        operation = box_schema(SMALL).engine.operation(aliases(4))
        assert isinstance(operation, Refused)
        (error,) = errors_of(operation)
        assert error.locations
        assert (
            error.locations[0].column == len("{a0: __typename a1: __typename a2: __typename ") + 1
        )

    async def test_introspection_of_every_tool_is_within_the_limits(self) -> None:
        text = get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )
        result = await box_schema().engine.run(text)
        assert not isinstance(result, Refused), result.errors


def steps(text: str) -> int:
    """How many functions, Python's and C's, are called to read a text.

    Limits are lifted that would refuse it for its length, aliases or directives before validation.
    """
    engine = box_schema(
        Limits(characters=10**9, tokens=10**9, aliases=10**9, directives=10**9)
    ).engine
    engine.operation("{ __typename }")  # does what is done once
    profile = Profile()
    profile.runcall(engine.operation, text)
    return sum(entry.callcount for entry in profile.getstats())


def pairs(count: int) -> str:
    """Fields of one name, each with other arguments."""
    return (
        "{" + " ".join(f"boxes(first: {number}) {{ __typename }}" for number in range(count)) + "}"
    )


def chained(count: int) -> str:
    links = " ".join(
        f"fragment F{number} on Query {{ __typename ...F{number + 1} }}" for number in range(count)
    )
    return f"{{ ...F0 }} {links} fragment F{count} on Query {{ __typename }}"


def crossed(count: int) -> str:
    """Every operation spreads every fragment."""
    spread = " ".join(f"...F{number}" for number in range(count))
    operations = " ".join(f"query Q{number} {{ {spread} }}" for number in range(count))
    return operations + fragments(count).partition("}")[2]


HOSTILE: dict[str, tuple[Callable[[int], str], int]] = {
    "one field again and again": (lambda n: "{" + " __typename" * n + "}", 1_000),
    "one field with a selection": (lambda n: "{" + " box { name }" * n + "}", 150),
    "fields that cannot be merged": (pairs, 80),
    "aliases": (aliases, 400),
    "unknown fields": (lambda n: "{" + " ".join(f"x{i}" for i in range(n)) + "}", 400),
    "fragments beside each other": (fragments, 150),
    "fragments in a row": (chained, 40),
    "fragments in all operations": (crossed, 15),
    "fragments that double": (doubling, 8),
    "variables": (
        lambda n: "query(" + " ".join(f"$v{i}: Int" for i in range(n)) + ") { __typename }", 200
    ),
    "directives": (lambda n: "{ __typename" + " @include(if: true)" * n + "}", 400),
    "values in values": (
        lambda n: "{ byId(ids: [" + "1 " * n + "]) { name } }", 500
    ),
    "objects of a wrong type": (
        lambda n: "{ byId(ids: {" + " ".join(f"a{i}: 1" for i in range(n)) + "}) { name } }", 300
    ),
    "nesting": (lambda n: "{ box {" + " parts {" * n + "name" + "}" * (n + 2), 50),
}  # fmt: skip


class TestWork:
    @pytest.mark.parametrize("times", [1, 4])
    @pytest.mark.parametrize("kind", HOSTILE)
    def test_work_is_in_proportion_to_the_text(self, kind: str, times: int) -> None:
        make, size = HOSTILE[kind]
        text = make(size * times)
        assert steps(text) < STEPS_PER_TOKEN * len(TOKENS.findall(text))
