"""How many members lists from a client may have: others are refused before coercion."""

from typing import Any, NewType

import msgspec
import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.schema.config import StrawberryConfig

from weft.declare.fields import MAX_MEMBERS, Argument, root
from weft.declare.info import Info
from weft.declare.types import given, input_type, output
from weft.errors import DeclarationError
from weft.execution import Schema, format_error
from weft.execution.engine import ExecutorName
from weft.execution.input_lists import MAX_MEMBERS_TOGETHER

COERCED: list[Any] = []
Counted = NewType("Counted", str)
FEW = 3


def coerced(value: Any) -> str:
    COERCED.append(value)
    return str(value)


class Tags(msgspec.Struct, frozen=True):
    tags: list[str] | None = None
    few: list[str] | None = None
    inner: "list[Tags] | None" = None


@input_type(Tags)
class TagsInput:
    """Lists in an object."""

    tags: list[Counted] | None = given("Many.")
    few: list[Counted] | None = given("Few.", most=FEW)
    inner: list["TagsInput"] | None = given("More of them.")


async def many(info: Info, tags: list[str]) -> int:
    """How many."""
    return len(tags)


async def few(info: Info, tags: list[str]) -> int:
    """How many."""
    return len(tags)


async def grid(info: Info, rows: list[list[str]]) -> int:
    """How many rows."""
    return len(rows)


async def within(info: Info, filter: Tags) -> int:
    """Nothing."""
    return 0


@output()
class Query:
    """Reading."""

    many: int = root(many, arguments={"tags": Argument(list[Counted], "Many.")})
    few: int = root(few, arguments={"tags": Argument(list[Counted], "Few.", most=FEW)})
    grid: int = root(grid, arguments={"rows": Argument(list[list[Counted]], "Rows.")})
    within: int = root(within, arguments={"filter": Argument(TagsInput, "Lists.")})


def schema_of(executor: ExecutorName) -> Schema:
    scalar = strawberry.scalar(name="Counted", parse_value=coerced)
    return Schema(Query, executor=executor, config=StrawberryConfig(scalar_map={Counted: scalar}))


SCHEMAS = {name: schema_of(name) for name in ("compiled", "reference")}


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> Schema:
    COERCED.clear()
    return SCHEMAS[request.param]


def shown(result: ExecutionResult) -> list[tuple[str, Any, Any]]:
    formatted: list[Any] = [format_error(error) for error in result.errors or ()]
    extensions = [error["extensions"] for error in formatted]
    assert {told["code"] for told in extensions} <= {"BAD_USER_INPUT"}
    return [
        (error["message"], told["members"], told["maximum"])
        for error, told in zip(formatted, extensions, strict=True)
    ]


def texts(count: int) -> list[str]:
    return ["x"] * count


def literal(count: int) -> str:
    return '["x"' + ' "x"' * (count - 1) + "]"


MANY = "query($v: [Counted!]!) { many(tags: $v) }"
FEWER = "query($v: [Counted!]!) { few(tags: $v) many(tags: $v) }"
GRID = "query($v: [[Counted!]!]!) { grid(rows: $v) }"
WITHIN = "query($v: TagsInput!) { within(filter: $v) }"
PART = "query($v: [Counted!]) { within(filter: {few: $v}) }"


class TestVariables:
    @pytest.mark.parametrize(
        ("text", "good", "bad", "place", "members", "maximum"),
        [
            (MANY, texts(MAX_MEMBERS), texts(MAX_MEMBERS + 1), "$v", 101, 100),
            (MANY, texts(MAX_MEMBERS), texts(110_000), "$v", 110_000, 100),
            (MANY, texts(MAX_MEMBERS), [None] * 110_000, "$v", 110_000, 100),
            (FEWER, texts(FEW), texts(FEW + 1), "$v", 4, FEW),
            (PART, texts(FEW), texts(FEW + 1), "$v", 4, FEW),
            (GRID, [texts(49)] * 2, [texts(50)] * 2, "$v", 102, 100),
            (GRID, [[]] * 100, [[]] * 101, "$v", 101, 100),
            (WITHIN, {"tags": texts(100)}, {"tags": texts(101)}, "$v.tags", 101, 100),
            (WITHIN, {"few": texts(FEW)}, {"few": texts(9)}, "$v.few", 9, FEW),
            (
                WITHIN,
                {"inner": [{"inner": [{"few": texts(FEW)}]}]},
                {"inner": [{"inner": [{}, {"few": texts(4)}]}]},
                "$v.inner.inner.few",
                *(4, FEW),
            ),
            (WITHIN, {"inner": {"few": "x"}}, {"inner": {"few": texts(4)}}, "$v.inner.few", 4, FEW),
        ],
    )
    async def test_lists_in_variables_have_the_maximum_of_their_place(
        self,
        schema: Schema,
        text: str,
        good: Any,
        bad: Any,
        place: str,
        members: int,
        maximum: int,
    ) -> None:
        assert (await schema.run(text, variables={"v": good})).errors is None
        COERCED.clear()
        result = await schema.run(text, variables={"v": bad})
        message = f"The list `{place}` has {members} members, and may have {maximum}."
        assert shown(result) == [(message, members, maximum)]
        (error,) = list(result.errors or [])
        assert [location.column for location in error.locations or ()] == [len("query(") + 1]
        assert COERCED == []

    async def test_all_lists_are_checked_before_any_of_them_is_coerced(
        self, schema: Schema
    ) -> None:
        text = "query($a: [Counted!], $v: [Counted!]!) { many(tags: $v) within(filter: {tags: $a})}"
        result = await schema.run(text, variables={"a": texts(100), "v": texts(101)})
        assert [members for _, members, _ in shown(result)] == [101]
        assert COERCED == []

    async def test_lists_of_all_variables_count_together(self, schema: Schema) -> None:
        names = [f"v{number}" for number in range(11)]
        definitions = " ".join(f"${name}: [Counted!]!" for name in names)
        fields = " ".join(f"{name}: many(tags: ${name})" for name in names)
        text = f"query({definitions}) {{ {fields} }}"
        assert len(names) * MAX_MEMBERS > MAX_MEMBERS_TOGETHER
        variables = dict.fromkeys(names, texts(90))
        assert (await schema.run(text, variables=variables)).errors is None
        COERCED.clear()
        result = await schema.run(text, variables=dict.fromkeys(names, texts(100)))
        assert [numbers for _, *numbers in shown(result)] == [[1_100, MAX_MEMBERS_TOGETHER]]
        assert COERCED == []

    async def test_lists_within_a_list_of_objects_count_together(self, schema: Schema) -> None:
        value = {"inner": [{"tags": texts(100)}] * 100}
        result = await schema.run(WITHIN, variables={"v": value})
        assert [maximum for _, _, maximum in shown(result)] == [MAX_MEMBERS_TOGETHER]
        assert COERCED == []

    async def test_default_lists_have_the_same_maximum(self, schema: Schema) -> None:
        text = "query($v: [Counted!]! = %s) { many(tags: $v) }"
        assert (await schema.run(text % literal(100))).errors is None
        COERCED.clear()
        assert [numbers for _, *numbers in shown(await schema.run(text % literal(101)))] == [
            [101, 100]
        ]

    async def test_invalid_members_give_few_errors(self, schema: Schema) -> None:
        result = await schema.run(MANY, variables={"v": [None] * 100})
        assert len(result.errors or ()) == 21


class TestLiterals:
    @pytest.mark.parametrize(
        ("good", "bad", "place", "members", "maximum"),
        [
            ("many(tags: %s)", "many(tags: %s)", "tags", 101, 100),
            ("few(tags: %s)", "few(tags: %s)", "tags", 4, FEW),
            ("grid(rows: [%s])", "grid(rows: [%s, %s])", "rows", 5, None),
            ("within(filter: {tags: %s})", "within(filter: {tags: %s})", "filter.tags", 101, 100),
            (
                "within(filter: {inner: [{few: %s}]})",
                "within(filter: {inner: [{few: %s}]})",
                "filter.inner.few",
                *(4, FEW),
            ),
        ],
    )
    async def test_lists_in_literals_have_the_maximum_of_their_place(
        self, schema: Schema, good: str, bad: str, place: str, members: int, maximum: int | None
    ) -> None:
        if maximum is None:
            text = bad % (literal(49), literal(50))
            result = await schema.run(f"{{ {text} }}")
            assert [numbers for _, *numbers in shown(result)] == [[101, 100]]
            return
        assert (await schema.run(f"{{ {good % literal(maximum)} }}")).errors is None
        COERCED.clear()
        text = f"{{ {bad % literal(members)} }}"
        result = await schema.run(text)
        message = f"The list `{place}` has {members} members, and may have {maximum}."
        assert shown(result) == [(message, members, maximum)]
        (error,) = list(result.errors or [])
        assert [location.column for location in error.locations or ()] == [text.index('["') + 1]

    async def test_variables_within_a_list_count_as_members(self, schema: Schema) -> None:
        variables = ", ".join(["$v"] * 4)
        result = await schema.run(
            f"query($v: Counted!) {{ few(tags: [{variables}]) }}", variables={"v": "x"}
        )
        assert [numbers for _, *numbers in shown(result)] == [[4, FEW]]


class TestDeclaration:
    def test_maximum_stands_in_the_description(self) -> None:
        printed = SCHEMAS["compiled"].as_str()
        assert "Few. A list of more than 3 is refused." in printed
        assert printed.count("is refused.") == 6

    def test_longer_default_is_refused(self) -> None:
        @output()
        class Wrong:
            """Reading."""

            few: int = root(
                few, arguments={"tags": Argument(list[str], "Few.", ["x"] * 4, most=FEW)}
            )

        with pytest.raises(DeclarationError, match="4 members, and may have 3"):
            Schema(Wrong)
