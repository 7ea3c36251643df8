"""Features of Strawberry that are about types and fields."""

import uuid
from typing import Annotated, Any

import strawberry

from tests.weft.execution.features import DIFFERS, agreed, data, executed, feature
from tests.weft.execution.plain_strawberry import Circle, Pair, Square, build
from weft.execution import Schema


@feature("`strawberry.type`, `strawberry.field`")
async def types() -> None:
    assert await data(build, "{ now soon }") == {"now": "now", "soon": "soon"}


@feature("`strawberry.Info`")
async def info() -> None:
    text = "query Q($x: Int = 4) { here: told(a: $x) }"
    found = await data(build, text, variable_values={"x": 5}, context_value="context")
    assert found == {"here": ["told", "told", "{'x': 5}", "['here']", "context"]}


@feature("`strawberry.Parent`")
async def parent() -> None:
    assert await data(build, "{ loud { loud } }") == {"loud": {"loud": "LOUD"}}


@feature("`strawberry.Private`")
async def private() -> None:
    found = await data(build, "{ shapes { ... on Square { area } } }")
    assert found == {"shapes": [{"area": 9}, {}]}
    _, messages = await agreed(build, "{ shapes { ... on Square { side } } }")
    assert messages == ["Cannot query field 'side' on type 'Square'."]


@feature("`strawberry.interface`")
async def interface() -> None:
    found = await data(build, "{ shapes { __typename name } }")
    assert [shape["__typename"] for shape in found["shapes"]] == ["Square", "Circle"]


@feature("`strawberry.union`")
async def union() -> None:
    found = await data(build, "{ some { ... on Square { area } ... on Circle { radius } } }")
    assert found == {"some": [{"area": 9}, {"radius": 1}]}


@feature("Generic types")
async def generics() -> None:
    found = await data(build, "{ pair { __typename right { name } } }")
    assert found == {"pair": {"__typename": "SquarePair", "right": {"name": "b"}}}


@feature("`strawberry.lazy`, `strawberry.LazyType`")
async def lazy() -> None:
    assert await data(build, "{ later { last { number } } }") == {"later": {"last": {"number": 1}}}


@feature("`strawberry.cast`")
async def cast() -> None:
    @strawberry.type
    class Root:
        @strawberry.field
        def some(self) -> Annotated[Square | Circle, strawberry.union("Some")]:
            return strawberry.cast(Circle, Pair(left=1, right=2))  # type: ignore[return-value]

    assert await data(lambda schema: schema(Root), "{ some { __typename } }") == {
        "some": {"__typename": "Circle"}
    }


@feature("`strawberry.asdict`")
async def asdict() -> None:
    assert strawberry.asdict(Circle(name="a")) == {"name": "a", "radius": 1}


@feature("`strawberry.enum`, `strawberry.enum_value`")
async def enums() -> None:
    assert await data(build, "{ size other: size(size: HUGE) }") == {
        "size": "HUGE",
        "other": "SMALL",
    }


@feature("`strawberry.input`, `strawberry.argument`, `strawberry.UNSET`")
async def inputs() -> None:
    found = await data(build, "{ given(value: { number: 2 }, more: 3) }")
    assert found["given"].startswith("Given(number=2, size=<Size.SMALL: 's'>, note=UNSET")
    assert found["given"].endswith(" 3")


@feature("`strawberry.Maybe`, `strawberry.Some`")
async def maybe() -> None:
    found = await data(build, '{ given(value: { number: 2, maybe: "x" }) }')
    assert "maybe=Some('x')" in found["given"]
    text = "query($value: Given!) { given(value: $value) }"
    value = {"number": 1, "maybe": None}
    found, messages = await agreed(build, text, variable_values={"value": value})
    assert found is None
    assert "cannot be explicitly set to null" in messages[0]


@feature("`strawberry.input(one_of=True)`", DIFFERS)
async def one_of() -> None:
    assert await data(build, "{ either(value: { number: 1 }) }")
    schema, theirs = build(Schema), build(strawberry.Schema)
    for value in ("{}", '{ number: 1, text: "x" }', "{ number: null }"):
        text = f"{{ either(value: {value}) }}"
        nothing, (message,) = await executed(schema, text)
        assert nothing is None
        assert "exactly one field must be specified" in message
        assert (await executed(theirs, text))[1] != [message]
    text = "query($number: Int) { either(value: { number: $number }) }"
    for number, is_refused in ((1, False), (None, True)):
        _, messages = await executed(schema, text, variable_values={"number": number})
        assert bool(messages) is is_refused
        assert (await executed(theirs, text, variable_values={"number": number}))[1]


@feature("`strawberry.ID`, `strawberry.scalars`")
async def scalars() -> None:
    text = '{ scalars(at: "%s", on: "2020-01-01", any: {a: [1, null]}, by: "b") price }'
    found = await data(build, text % uuid.UUID(int=1))
    assert found == {"scalars": {"any": {"a": [1, None]}, "by": "b"}, "price": "1.10"}
    _, (message,) = await agreed(build, text % "no UUID")
    assert "cannot represent a UUID" in message


@feature("`strawberry.scalar`, `config.scalar_map`")
async def scalar() -> None:
    assert await data(build, '{ paid(price: "$3") }') == {"paid": "$4"}


@feature("`scalar_overrides=`")
async def scalar_overrides() -> None:
    assert await data(build, "{ moment(at: 5) }") == {"moment": 5}


@feature("`strawberry.BasePermission`")
async def permissions() -> None:
    assert await agreed(build, "{ denied }") == ({"denied": None}, ["Not for you."])


@feature("`FieldExtension`")
async def field_extensions() -> None:
    assert await data(build, "{ upper }") == {"upper": "UPPER"}


@feature("`strawberry.mutation`")
async def mutation() -> None:
    found = await data(build, 'mutation { a: write(text: "x") b: write(text: "y") }')
    assert found == {"a": "x", "b": "y"}


@feature("`InputMutationExtension`")
async def input_mutation() -> None:
    found = await data(build, 'mutation { writeInput(input: { text: "x" }) }')
    assert found == {"writeInput": "xx"}


@feature("`strawberry.subscription`")
async def subscription() -> None:
    text = "subscription { count(to: 2) }"
    expected = [{"count": 0}, {"count": 1}]
    for each in (build(strawberry.Schema), build(Schema)):
        assert [result.data async for result in await each.subscribe(text)] == expected
    opened: Any = build(Schema)
    assert [result.data async for result in await opened.engine.stream(text)] == expected


@feature("`strawberry.schema_directive`, `strawberry.directive_field`, `schema_directives=`")
async def schema_directives() -> None:
    printed = build(Schema).as_str()
    assert '@origin(from: "nowhere")' in printed
