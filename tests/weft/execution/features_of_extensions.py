"""Strawberry's schema extensions: what Weft's server refuses, and what integrations do with it."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import pydantic
import pytest
import strawberry
from graphql import ASTValidationRule, DirectiveLocation, FieldNode, GraphQLError
from strawberry import extensions as shipped
from strawberry.directive import DirectiveValue
from strawberry.extensions import SchemaExtension, tracing
from strawberry.schema.config import StrawberryConfig

from tests.weft.execution.features import (
    INTEGRATIONS,
    Answer,
    Build,
    executed,
    feature,
    left_to_integrations,
)
from weft.errors import DeclarationError
from weft.execution import Schema
from weft.execution.limits import Limits
from weft.transport.http import GraphQLEndpoint
from weft.transport.service import LiveService


class Checked(pydantic.BaseModel):
    number: int


@strawberry.type
class Leaf:
    """Below the root."""

    text: str = "text"


@strawberry.type
class Query:
    """Reading."""

    @strawberry.field
    def text(self) -> str:
        return "text"

    @strawberry.field
    async def leaf(self) -> Leaf:
        return Leaf()

    @strawberry.field
    def leaves(self) -> list[Leaf]:
        return [Leaf()]

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("secret")

    @strawberry.field
    def checked(self) -> str | None:
        return str(Checked.model_validate({"number": "none"}))

    @strawberry.field
    async def numbers(self) -> strawberry.Streamable[int]:
        for number in range(3):
            yield number


def with_extension(extension: Any) -> Build:
    return lambda schema: schema(Query, extensions=[extension])


async def extended(extension: Any, text: str) -> Answer:
    """What both schemas answer that have the extension."""
    theirs, ours = left_to_integrations(with_extension(extension), "extensions")
    expected = await executed(theirs, text)
    assert await executed(ours, text) == expected
    return expected


class Every(SchemaExtension):
    """Has every hook."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def on_operation(self) -> Iterator[None]:  # type: ignore[override]
        self.seen.append("operation")
        yield

    def on_parse(self) -> Iterator[None]:  # type: ignore[override]
        self.seen.append("parse")
        yield

    def on_validate(self) -> Iterator[None]:  # type: ignore[override]
        self.seen.append("validate")
        yield

    def on_execute(self) -> Iterator[None]:  # type: ignore[override]
        self.seen.append("execute")
        yield

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append("resolve")
        return _next(root, info, *args, **kwargs)

    def get_results(self) -> dict[str, Any]:
        return {"seen": self.seen}


@feature("`SchemaExtension`, `extensions=`", INTEGRATIONS)
async def extension() -> None:
    theirs, ours = left_to_integrations(with_extension(Every), "extensions (Every)")
    schema, gate = Schema(Query, extensions=[Every]), cast("Any", None)
    with pytest.raises(DeclarationError, match=re.escape("extensions (Every)")):
        await schema.run("{ text }")
    for serve in (GraphQLEndpoint, LiveService):
        with pytest.raises(DeclarationError, match=re.escape("extensions (Every)")):
            serve(schema, gate)
    seen = {"seen": ["operation", "parse", "validate", "execute", "resolve"]}
    for schema in (theirs, ours):
        assert (await schema.execute("{ text }")).extensions == seen
        assert schema.execute_sync("{ text }").extensions == seen
        streamed = [result async for result in await schema.stream("{ text }")]
        assert [result.extensions for result in streamed] == [seen]  # type: ignore[union-attr]


@feature("`limits=`, `rules=` of Weft beside `extensions=`")
async def limits_of_extended() -> None:
    schema = Schema(
        Query,
        extensions=[Every, shipped.DisableValidation],
        limits=Limits(cost=5, tokens=20),
        rules=[NoText],
    )
    for text, message in (
        ("{ leaves { __typename } }", "may cost 5"),
        ("{ leaf { text } }", "No text."),
        (f"{{ {'text ' * 20} }}", "more than 20 tokens"),
    ):
        expected = [message in (await executed(schema, text))[1][0]]
        expected += [message in str(schema.execute_sync(text).errors)]
        expected += [message in str(r.errors) async for r in await schema.stream(text)]  # type: ignore[union-attr]
        assert expected == [True] * 3, text
    assert await executed(schema, "{ leaf { __typename } }") == (
        {"leaf": {"__typename": "Leaf"}},
        [],
    )


class NoText(ASTValidationRule):
    """Forbids a field."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value == "text":
            self.context.report_error(GraphQLError("No text.", node))


@feature("`AddValidationRules`", INTEGRATIONS)
async def add_validation_rules() -> None:
    extension = partial(shipped.AddValidationRules, [NoText])
    assert await extended(extension, "{ text }") == (None, ["No text."])
    schema = Schema(Query, rules=[NoText])
    assert (await schema.run("{ text }")).data is None


@feature("`DisableIntrospection`", INTEGRATIONS)
async def disable_introspection() -> None:
    text = '{ __type(name: "Leaf") { name } }'
    _, (message, *_rest) = await extended(shipped.DisableIntrospection, text)
    assert "introspection has been disabled" in message
    refused = await Schema(Query).engine.run(text, sees_schema=False)
    assert refused.data is None


@feature("`DisableValidation`", INTEGRATIONS)
async def disable_validation() -> None:
    assert await extended(shipped.DisableValidation, "{ text }") == ({"text": "text"}, [])
    build = with_extension(shipped.DisableValidation)
    assert (await executed(build(strawberry.Schema), "{ nothing }"))[0] == {}
    _, (message,) = await executed(build(Schema), "{ nothing }")
    assert "Cannot query field" in message


@feature("`MaskErrors`", INTEGRATIONS)
async def mask_errors() -> None:
    assert await extended(shipped.MaskErrors, "{ broken }") == (
        {"broken": None},
        ["Unexpected error."],
    )


@feature("`MaxAliasesLimiter`", INTEGRATIONS)
async def max_aliases() -> None:
    extension = partial(shipped.MaxAliasesLimiter, 1)
    text = "{ a: text b: text }"
    assert await extended(extension, text) == (None, ["2 aliases found. Allowed: 1"])
    assert (await Schema(Query, limits=Limits(aliases=1)).run(text)).data is None


@feature("`MaxTokensLimiter`", INTEGRATIONS)
async def max_tokens() -> None:
    extension = partial(shipped.MaxTokensLimiter, 3)
    _, (message,) = await extended(extension, "{ text leaf { text } }")
    assert "more than 3 tokens" in message
    schema = Schema(Query, limits=Limits(tokens=3))
    assert (await schema.run("{ text leaf { text } }")).data is None


@feature("`QueryDepthLimiter`, `IgnoreContext`", INTEGRATIONS)
async def query_depth() -> None:
    assert shipped.IgnoreContext
    extension = partial(shipped.QueryDepthLimiter, 0)
    _, (message,) = await extended(extension, "{ leaf { text } }")
    assert "exceeds maximum operation depth" in message
    schema = Schema(Query, limits=Limits(depth=1))
    assert (await schema.run("{ leaf { text } }")).data is None


@feature("`ParserCache`, `ValidationCache`", INTEGRATIONS)
async def caches() -> None:
    for extension in (shipped.ParserCache, shipped.ValidationCache):
        assert await extended(extension, "{ text }") == ({"text": "text"}, [])
    engine = Schema(Query).engine
    assert engine.operation("{ text }") is engine.operation("{ text }")


@feature("`PydanticErrorExtension`", INTEGRATIONS)
async def pydantic_errors() -> None:
    theirs, ours = left_to_integrations(
        with_extension(shipped.PydanticErrorExtension), "extensions"
    )
    for schema in (theirs, ours):
        (error,) = (await schema.execute("{ checked }")).errors or []
        assert "validation_errors" in (error.extensions or {})


@feature(
    "`OpenTelemetryExtension`, `ApolloTracingExtension`, `ApolloFederationTracingExtension`",
    INTEGRATIONS,
)
async def traces() -> None:
    for extension in (
        tracing.OpenTelemetryExtension,
        tracing.ApolloTracingExtension,
        tracing.ApolloFederationTracingExtension,
    ):
        assert await extended(extension, "{ text }") == ({"text": "text"}, [])


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def upper(value: DirectiveValue[str]) -> str:
    return value.upper()


@feature("`strawberry.directive`, `directives=`", INTEGRATIONS)
async def directives() -> None:
    theirs, ours = left_to_integrations(
        lambda schema: schema(Query, directives=[upper]), "directives (@upper)"
    )
    for schema in (theirs, ours):
        assert await executed(schema, "{ text @upper }") == ({"text": "TEXT"}, [])
        assert schema.execute_sync("{ text @upper }").data == {"text": "TEXT"}


@feature("`@defer`, `@stream`, `config.enable_experimental_incremental_execution`", INTEGRATIONS)
async def incremental() -> None:
    config = StrawberryConfig(enable_experimental_incremental_execution=True)
    theirs, ours = left_to_integrations(
        lambda schema: schema(Query, config=config), "enable_experimental_incremental_execution"
    )
    for text in ("{ text ... @defer { leaf { text } } }", "{ numbers @stream(initialCount: 1) }"):
        expected = [str(frame) async for frame in await theirs.stream(text)]
        assert len(expected) > 1
        assert [str(frame) async for frame in await ours.stream(text)] == expected


@feature("`strawberry.Streamable`")
async def streamable() -> None:
    for schema in (Schema(Query), strawberry.Schema(Query)):
        assert await executed(schema, "{ numbers }") == ({"numbers": [0, 1, 2]}, [])
