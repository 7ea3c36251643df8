"""What Strawberry's integrations get, and what is left to graphql-core."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import ASTValidationRule, FieldNode, GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from tests.weft.execution.shop import Query, Site, shop
from weft.declare.fields import Argument, root
from weft.declare.types import given, output
from weft.errors import DeclarationError
from weft.execution import Refused, Schema

THINGS = "{ things { key owner { key } } }"


class TestExecute:
    async def test_execute_answers_as_run_does(self, schema: Schema) -> None:
        theirs = await schema.execute(THINGS, context_value=Site())
        ours = await schema.run(THINGS, context=Site())
        assert isinstance(theirs, ExecutionResult)
        assert (theirs.data, theirs.errors) == (ours.data, ours.errors)

    async def test_refusal_is_a_pre_execution_error(self, schema: Schema) -> None:
        result = await schema.execute("{ nothing }")
        assert isinstance(result, PreExecutionError)

    async def test_execute_raises_what_strawberry_raises(self, schema: Schema) -> None:
        with pytest.raises(InvalidOperationTypeError):
            await schema.execute(THINGS, allowed_operation_types=[OperationType.MUTATION])
        with pytest.raises(CannotGetOperationTypeError):
            await schema.execute(THINGS, operation_name="Other")


class TestStream:
    async def test_stream_gives_strawberrys_results(self, schema: Schema) -> None:
        text = "subscription { ticks { key } }"
        results = await schema.stream(text, context_value=Site())
        seen = [result async for result in results]
        assert [type(result) for result in seen] == [ExecutionResult] * 3
        subscribed = await schema.subscribe(text, context_value=Site())
        assert [result.data async for result in subscribed] == [result.data for result in seen]

    async def test_context_that_cannot_be_renewed_is_accepted(self, schema: Schema) -> None:
        results = await schema.stream("subscription { opened { key } }", context_value={})
        (result,) = [result async for result in results]
        assert isinstance(result, PreExecutionError)


class Loud(SchemaExtension):
    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        value = _next(root, info, *args, **kwargs)
        return f"{value}!" if isinstance(value, str) else value


class Noting(SchemaExtension):
    def on_execute(self) -> Iterator[None]:
        self.execution_context.context.calls.append(("on_execute", 1))
        yield


class TestLeftToGraphqlCore:
    async def test_schema_with_extensions_is_left_to_graphql_core(self) -> None:
        schema = shop(extensions=[Loud, Noting])
        site = Site()
        result = await schema.execute("{ plains { upper } }", context_value=site)
        assert result.data == {
            "plains": [
                {"upper": "A@['plains', 0, 'upper']!"},
                {"upper": "BC@['plains', 1, 'upper']!"},
            ]
        }
        assert site.calls == [("on_execute", 1)]

    async def test_null_condition_is_left_to_graphql_core(self) -> None:
        schema = shop()
        text = "query($if: Boolean = true) { thing { key label @include(if: $if) } }"
        result = await schema.run(text, variables={"if": None}, context=Site())
        assert result.data is None
        assert schema.engine.handed_over == {"null condition": 1}
        assert (await schema.run(text, context=Site())).errors is None
        assert schema.engine.handed_over == {"null condition": 1}

    async def test_reference_executor_leaves_everything_to_graphql_core(self) -> None:
        schema = shop("reference")
        assert (await schema.run(THINGS, context=Site())).errors is None
        assert not schema.engine.handed_over


class NoLabels(ASTValidationRule):
    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value == "label":
            self.context.report_error(GraphQLError("No labels.", node))


class TestRules:
    async def test_rules_are_checked_beside_those_of_the_specification(self) -> None:
        schema = shop(rules=[NoLabels])
        assert isinstance(await schema.run("{ thing { label } }", context=Site()), Refused)
        assert (await schema.run("{ thing { key } }", context=Site())).errors is None


class TestDeclaration:
    def test_value_class_that_requires_an_optional_input_is_refused(self) -> None:
        class Value(msgspec.Struct):
            text: str | None

        class Given:
            """Given."""

            text: str | None = given("Text.")

        Given.__weft_value__ = Value  # type: ignore[attr-defined]
        declared = strawberry.input(Given)

        async def answer(info: Any, value: Any = None) -> str:
            """Echo."""
            return ""

        class Root:
            """Root."""

            echo: str = root(answer, arguments={"value": Argument(declared | None, "Value.")})

        with pytest.raises(DeclarationError, match="text needs a default"):
            Schema(output()(Root))

    def test_declarations_of_the_shop_are_valid(self) -> None:
        assert Schema(Query).as_str()
