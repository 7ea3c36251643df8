"""A subscription: the source of its events, and how each becomes a result."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from graphql import ExecutionResult, FieldNode, GraphQLError
from graphql.error import located_error

from weft.execution.errors import Refused
from weft.execution.operation import Operation
from weft.execution.reference import ReferenceExecutor, open_source


class Subscription:
    """`source` yields the events; `execute` makes the result of one, in a context of its own.

    `cost` is that of one event. `source` is None until it has been opened.
    """

    def __init__(
        self,
        operation: Operation,
        cost: int,
        execute: Callable[[Any], Awaitable[ExecutionResult]],
    ) -> None:
        self.source: Any = None
        self.cost = cost
        self.execute = execute
        self._operation = operation

    async def open(self, executor: ReferenceExecutor) -> "Subscription | Refused":
        """Opens the source; returns the subscription itself, or a `Refused`."""
        source = await open_source(executor)
        if isinstance(source, Refused):
            return source
        self.source = source
        return self

    async def results(
        self, execute: Callable[[Any], Awaitable[ExecutionResult]] | None = None
    ) -> AsyncGenerator[ExecutionResult, None]:
        """All results; if the source or `execute` fails, the last one has that error.

        `execute` replaces the subscription's own.
        """
        execute = execute or self.execute
        try:
            async for event in self.source:
                yield await execute(event)
        except Exception as error:
            yield self.failed(error)
        finally:
            close = getattr(self.source, "aclose", None)
            if close is not None:
                await close()

    def failed(self, error: Exception) -> ExecutionResult:
        """The result, without data, for an error that ended the source."""
        return ExecutionResult(None, [self.located(error)])

    def located(self, error: Exception) -> GraphQLError:
        """The error, with the location and path of the field whose source it ended."""
        field = self._operation.document.operation.selection_set.selections[0]
        if not isinstance(field, FieldNode):
            return located_error(error, [field])
        return located_error(error, [field], [(field.alias or field.name).value])

    @property
    def variable_names(self) -> set[str]:
        """The names of all variables that the operation defines."""
        return self._operation.variable_names

    @property
    def start_variable(self) -> str | None:
        """The variable that only sets the cursor to begin after; None if there is none."""
        return self._operation.start_variable
