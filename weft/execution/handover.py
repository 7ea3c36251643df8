"""Schemas with features that only Strawberry runs: which those are, and Weft's limits on them."""

from collections.abc import Iterator

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema, print_ast
from strawberry.extensions import SchemaExtension
from strawberry.file_uploads.scalars import UploadDefinition
from strawberry.schema.base import BaseSchema
from strawberry.schema.exception_handlers import get_error_type
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import field_contains_type

from weft.declare.fields import WeftField
from weft.errors import DeclarationError
from weft.execution.engine import Engine
from weft.execution.errors import Refused

DECLARED = "strawberry-definition"


def graphql_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core has it."""
    return schema._schema  # pyright: ignore[reportPrivateUsage]


def executed_by_strawberry(schema: strawberry.Schema) -> list[str]:
    """The options of a schema whose operations Strawberry and graphql-core have to execute."""
    executor = schema.execution_context_class
    found: list[str] = []
    if schema.extensions:
        names = [getattr(each, "__name__", type(each).__name__) for each in schema.extensions]
        found.append(f"extensions ({', '.join(names)})")
    if schema.directives:
        names = [f"@{directive.python_name}" for directive in schema.directives]
        found.append(f"directives ({', '.join(names)})")
    if executor is not StrawberryGraphQLCoreExecutionContext:
        found.append(f"execution_context_class ({executor.__name__})")
    if schema.config.enable_experimental_incremental_execution:
        found.append("config.enable_experimental_incremental_execution")
    return found


def needs_integration(schema: strawberry.Schema) -> list[str]:
    """The options of a schema that have an effect in Strawberry's integrations only."""
    found = executed_by_strawberry(schema)
    if schema.config.batching_config is not None:
        found.append("config.batching_config")
    if schema.config.disable_field_suggestions:
        found.append("config.disable_field_suggestions")
    upload = graphql_schema(schema).type_map.get("Upload")
    if upload is not None and upload.extensions.get(DECLARED) is UploadDefinition:
        found.append("the scalar Upload")
    if type(schema).process_errors is not BaseSchema.process_errors:
        found.append("process_errors")
    return found


def check_handlers(schema: strawberry.Schema) -> None:
    """Raises DeclarationError for a field of Weft that an exception handler is for.

    Strawberry calls handlers around its own resolvers, and never resolves such a field.
    """
    errors = [get_error_type(handler) for handler in schema.exception_handlers]
    for named_type in graphql_schema(schema).type_map.values() if errors else ():
        if not isinstance(named_type, GraphQLObjectType):
            continue
        for name, field in named_type.fields.items():
            declared = field.extensions.get(DECLARED)
            if isinstance(declared, WeftField) and any(
                field_contains_type(declared, error) for error in errors
            ):
                raise DeclarationError(
                    f"{named_type.name}.{name} is declared by weft.declare.fields, and "
                    "exception_handlers are called for plain Strawberry fields only: let the "
                    "resolver return the error's type, or declare the field by strawberry.field."
                )


class Admission(SchemaExtension):
    """Refuses what the engine would refuse, where Strawberry executes the operation.

    That is by rules, limits and cost. Comes after all other extensions, so that it sees the text
    that they leave.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def on_parse(self) -> Iterator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Bounds the tokens of a document, unless another extension has a lower bound."""
        options, most = self.execution_context.parse_options, self._engine.limits.tokens
        options["max_tokens"] = min(most, options.get("max_tokens", most))
        yield

    def on_validate(self) -> Iterator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Ends the operation with the engine's errors, if it has any."""
        context = self.execution_context
        assert context.graphql_document is not None
        text = context.query or print_ast(context.graphql_document)
        admitted = self._engine.operation(text, context.operation_name)
        if not isinstance(admitted, Refused):
            admitted = self._engine.admit(
                admitted, context.variables, sees_schema=True, charge=None
            )
        if isinstance(admitted, Refused):
            context.pre_execution_errors = admitted.errors
        yield
