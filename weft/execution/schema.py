"""`Schema`: a Strawberry schema whose operations Weft executes, whichever integration calls."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any

import strawberry
from graphql import ASTValidationRule, ExecutionResult, GraphQLSchema, OperationType
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionResult as StrawberryResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as StrawberryOperationType

from weft.bounds import OPERATIONS
from weft.declare.checks import check_declarations
from weft.errors import BadRequest, DeclarationError
from weft.execution.binding import bind
from weft.execution.engine import ALL_OPERATIONS, Engine, ExecutorName
from weft.execution.errors import Refused
from weft.execution.handover import (
    Admission,
    check_handlers,
    executed_by_strawberry,
    needs_integration,
)
from weft.execution.input_lists import declare_lists
from weft.execution.limits import Limits


class Schema(strawberry.Schema):
    """A Strawberry schema that runs its operations breadth-first, each compiled once.

    `executor`, `rules`, `limits`, `tell_cost` and `max_operation_bytes` are those of `Engine`, all
    other options are Strawberry's. With extensions, operation directives, incremental delivery or
    another execution context, the methods that Strawberry's integrations call leave execution to
    graphql-core, within the limits, and `engine` and `run` raise DeclarationError: see
    docs/strawberry.md.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        executor: ExecutorName = "compiled",
        rules: Sequence[type[ASTValidationRule]] = (),
        limits: Limits | None = None,
        tell_cost: bool = False,
        max_operation_bytes: int = OPERATIONS.max_bytes,
        **options: Any,
    ) -> None:
        super().__init__(query, mutation, subscription, **options)
        check_declarations(self._schema)
        check_handlers(self)
        bind(self._schema, self.config.default_resolver)
        declare_lists(self._schema)
        self._executed_by_strawberry = bool(executed_by_strawberry(self))
        self._needs_integration = needs_integration(self)
        self._engine = Engine(
            self._schema,
            executor=executor,
            rules=rules,
            limits=limits,
            tell_cost=tell_cost,
            max_operation_bytes=max_operation_bytes,
        )

    @property
    def engine(self) -> Engine:
        """What Weft's server runs operations by.

        Raises DeclarationError if the schema has an option that it would ignore.
        """
        if self._needs_integration:
            raise DeclarationError(
                f"Weft's server and Schema.run do not support {', '.join(self._needs_integration)} "
                "of Strawberry's schema; docs/strawberry.md says what to use instead. "
                "An integration of Strawberry can serve this schema."
            )
        return self._engine

    @property
    def graphql_schema(self) -> GraphQLSchema:
        """The schema as graphql-core has it."""
        return self._schema

    async def run(
        self,
        text: str,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        context: Any = None,
        root_value: Any = None,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        deadline_seconds: float | None = None,
    ) -> ExecutionResult:
        """Executes a query or mutation: see `Engine.run`."""
        return await self.engine.run(
            text,
            variables=variables,
            operation_name=operation_name,
            context=context,
            root_value=root_value,
            allow=allow,
            deadline_seconds=deadline_seconds,
        )

    async def stream(self, query: Any, *values: Any, **options: Any) -> Any:
        """The results of an operation, one for each event of a subscription: see `Engine.stream`.

        Strawberry's integrations call a method of this name with arguments of other names; they get
        Strawberry's results.
        """
        if self._executed_by_strawberry:
            return await super().stream(query, *values, **options)
        if not values and _STRAWBERRYS_OPTIONS.isdisjoint(options):
            return await self.engine.stream(query, **options)
        return self._stream_for_strawberry(query, *values, **options)

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[StrawberryOperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> StrawberryResult:
        """Executes a query or mutation for Strawberry's integrations."""
        if query and not self._executed_by_strawberry:
            result = await self._engine.run(
                query,
                variables=variable_values,
                operation_name=operation_name,
                context=context_value,
                root_value=root_value,
                allow=_allowed(allowed_operation_types),
            )
            if not _is_bad_request(result):
                return self._for_strawberry(result)
        # Strawberry raises exceptions of its own for a missing operation, or one not allowed.
        return await super().execute(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            allowed_operation_types,
            operation_extensions,
        )

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        """Strawberry's, and one that holds what Strawberry executes to the engine's limits."""
        return [*super().get_extensions(sync), Admission(self._engine)]

    async def _stream_for_strawberry(
        self,
        query: str,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[StrawberryOperationType] | None = None,
    ) -> AsyncIterator[StrawberryResult]:
        results = await self._engine.stream(
            query,
            variables=variable_values,
            operation_name=operation_name,
            context=context_value,
            root_value=root_value,
            allow=_allowed(allowed_operation_types),
        )
        if isinstance(results, Refused):
            yield self._for_strawberry(results)
            return
        try:
            async for result in results:
                yield self._for_strawberry(result)
        finally:
            await results.aclose()

    def _for_strawberry(self, result: ExecutionResult) -> StrawberryResult:
        if result.errors:
            self._process_errors(result.errors, None)
        kind = PreExecutionError if isinstance(result, Refused) else StrawberryResult
        return kind(data=result.data, errors=result.errors, extensions=result.extensions)


_STRAWBERRYS_OPTIONS = {
    "variable_values",
    "context_value",
    "operation_extensions",
    "allowed_operation_types",
}


def _allowed(types: Iterable[StrawberryOperationType] | None) -> Collection[OperationType]:
    if types is None:
        return ALL_OPERATIONS
    return frozenset(OperationType(type_.value) for type_ in types)


def _is_bad_request(result: ExecutionResult) -> bool:
    return isinstance(result, Refused) and any(
        isinstance(error.original_error, BadRequest) for error in result.errors or ()
    )
