"""Features of Strawberry that are about how a schema is executed and served."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import fastapi
import httpx
import pytest
import strawberry
import strawberry.fastapi
from graphql import GraphQLError
from strawberry.codegen import QueryCodegen
from strawberry.codegen.plugins.typescript import TypeScriptPlugin
from strawberry.file_uploads import Upload
from strawberry.printer import print_schema
from strawberry.schema.config import BatchingConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from tests.weft.execution import plain_strawberry as plain
from tests.weft.execution.features import (
    DIFFERS,
    INTEGRATIONS,
    NO,
    agreed,
    executed,
    feature,
    left_to_integrations,
    run,
)
from tests.weft.execution.features_of_fields import Query, configured
from tests.weft.transport.toy import serving
from weft.errors import DeclarationError
from weft.execution import Schema

TWO = "query A { about } query B { broken }"


@feature("`Schema.execute`: `variable_values=`, `context_value=`, `root_value=`")
async def execute() -> None:
    text = "query($a: Int!) { told(a: $a) }"
    (told, messages) = await agreed(
        plain.build, text, variable_values={"a": 1}, context_value="c", root_value="r"
    )
    assert (told["told"][-1], messages) == ("c", [])


@feature("`operation_name=`", DIFFERS)
async def operation_name() -> None:
    assert await agreed(lambda schema: schema(Query), TWO, operation_name="B") == (
        {"broken": None},
        ["broken"],
    )
    first = ({"about": "Info None None"}, [])
    for schema in (strawberry.Schema(Query), Schema(Query)):
        assert await executed(schema, TWO) == first
    refused, (message,) = await run(Schema(Query), TWO)
    assert refused is None
    assert message.startswith("Must provide operation name")


@feature("`Schema.execute_sync`", DIFFERS)
async def execute_sync() -> None:
    schema = Schema(Query)
    assert schema.execute_sync("{ about }").data == {"about": "Info None None"}
    assert schema.execute_sync("{ box { number } }").data == {"box": {"number": 1}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # graphql-core drops the coroutines that it has begun
        (error,) = schema.execute_sync("{ box { double } }").errors or []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert error.message == "GraphQL execution failed to complete synchronously."


@feature("`Schema.subscribe`, `Schema.stream`")
async def stream() -> None:
    for schema in (plain.build(strawberry.Schema), plain.build(Schema)):
        results: Any = await schema.stream("{ now }", context_value=None)
        assert [result.data async for result in results] == [{"now": "now"}]
        results = await schema.subscribe("subscription { count(to: 1) }")
        assert [result.data async for result in results] == [{"count": 0}]


@feature("`Schema.process_errors`", INTEGRATIONS)
async def process_errors() -> None:
    seen: list[str] = []

    class Ours(Schema):
        def process_errors(self, errors: list[GraphQLError], *_: Any, **__: Any) -> None:
            seen.extend(error.message for error in errors)

    schema = Ours(Query)
    assert await executed(schema, "{ broken }") == ({"broken": None}, ["broken"])
    assert seen == ["broken"]
    with pytest.raises(DeclarationError, match="process_errors"):
        _ = schema.engine


@feature("`Info.input_extensions`", NO)
async def input_extensions() -> None:
    request = {"operation_extensions": {"a": 1}}
    told = await executed(strawberry.Schema(Query), "{ about }", **request)
    assert told == ({"about": "Info None {'a': 1}"}, [])
    told = await executed(Schema(Query), "{ about }", **request)
    assert told == ({"about": "Info None None"}, [])


@feature("`tell_cost=` of Weft in the results of `execute`")
async def cost() -> None:
    assert (await Schema(Query, tell_cost=True).execute("{ about }")).extensions == {"cost": 1}


async def posted(schema: strawberry.Schema, body: Any) -> httpx.Response:
    """What Strawberry's integration with FastAPI answers."""
    app = fastapi.FastAPI()

    async def context() -> dict[str, Any]:
        return {"who": "the integration"}

    router: Any = strawberry.fastapi.GraphQLRouter(schema, context_getter=context)
    app.include_router(router, prefix="/graphql")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        return await client.post("/graphql", json=body)


@feature("`get_context` and the other methods of Strawberry's integrations", INTEGRATIONS)
async def integration() -> None:
    answer = await posted(plain.build(Schema), {"query": "{ told }"})
    assert "'who': 'the integration'" in answer.json()["data"]["told"][-1]


@feature("`config.batching_config`", INTEGRATIONS)
async def batching() -> None:
    build = configured(batching_config=BatchingConfig(max_operations=2))
    for schema in left_to_integrations(build, "config.batching_config"):
        answer = await posted(schema, [{"query": "{ about }"}, {"query": "{ __typename }"}])
        assert [each["data"] for each in answer.json()] == [
            {"about": "Info None None"},
            {"__typename": "Query"},
        ]
    async with serving() as server, httpx.AsyncClient() as client:
        url = f"http://{server.address}/graphql"
        refused = await client.post(url, json=[{"query": "{ __typename }"}])
        assert refused.status_code == 400


@feature("`strawberry.file_uploads.Upload`", INTEGRATIONS)
async def uploads() -> None:
    @strawberry.type
    class Root:
        @strawberry.field
        def sent(self, file: Upload) -> str:
            return str(file)

    text = "query($file: Upload!) { sent(file: $file) }"
    for schema in left_to_integrations(lambda schema: schema(Root), "the scalar Upload"):
        found = await executed(schema, text, variable_values={"file": b"content"})
        assert found == ({"sent": "b'content'"}, [])
    async with serving() as server, httpx.AsyncClient() as client:
        refused = await client.post(f"http://{server.address}/graphql", files={"0": b"content"})
        assert refused.status_code == 415


@feature("`Schema.as_str`, `Schema.introspect`, `print_schema`")
async def export() -> None:
    theirs, ours = plain.build(strawberry.Schema), plain.build(Schema)
    assert ours.as_str() == theirs.as_str()
    assert ours.introspect() == theirs.introspect()
    assert print_schema(ours) == print_schema(theirs)


@feature("`QueryCodegen`")
async def codegen() -> None:
    text = "query Now { now }"
    for schema in (plain.build(strawberry.Schema), plain.build(Schema)):
        plugin = TypeScriptPlugin(Path("now.graphql"))
        (made,) = QueryCodegen(schema, plugins=[plugin]).run(text).files
        assert "now: string" in made.content


class Counting(StrawberryGraphQLCoreExecutionContext):
    """An execution context of one's own."""

    executed = 0

    def execute_operation(self, *arguments: Any, **options: Any) -> Any:
        Counting.executed += 1
        return super().execute_operation(*arguments, **options)


@feature("`execution_context_class=`", INTEGRATIONS)
async def execution_context_class() -> None:
    Counting.executed = 0
    for each in left_to_integrations(
        lambda schema: schema(Query, execution_context_class=Counting),
        "execution_context_class (Counting)",
    ):
        assert await executed(each, "{ __typename }") == ({"__typename": "Query"}, [])
    assert Counting.executed == 2
