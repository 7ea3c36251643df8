"""Runs the operations of a GraphQL schema: compiled, or by graphql-core where needed."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from graphql import ASTValidationRule, ExecutionResult, GraphQLSchema, OperationType
from graphql.error import located_error
from graphql.execution.values import VariableValues

from weft.bounded_cache import BoundedCache
from weft.bounds import INTROSPECTED, OPERATIONS
from weft.errors import CostLimitExceeded, IntrospectionRefused
from weft.execution.cost import COST_OF_ERROR, cost_of_reading
from weft.execution.deadline import DeadlinesByLength
from weft.execution.document import read_document
from weft.execution.errors import Refused, refuse_for, refuse_operation, refuse_type
from weft.execution.limits import Limits
from weft.execution.operation import Operation, asynchronous_types, weight_of_operation
from weft.execution.plan import SelectionPlan
from weft.execution.subscription import Subscription
from weft.execution.whole_answers import Introspected, may_repeat, repeated

ALL_OPERATIONS = frozenset(OperationType)

Charge = Callable[[int], None]

ExecutorName = Literal["compiled", "reference"]


class Engine:
    """Executes the operations of texts against one schema.

    `executor="reference"` leaves execution to graphql-core. `rules` are validation rules beside
    those of the specification; `limits` bound the size of documents and the cost of operations.
    With `tell_cost` every result except an event's has the cost of its operation in its extensions.
    Compiled operations are cached by text and operation name, in at most `max_operation_bytes`.
    `handed_over` counts the executions that the compiler left to graphql-core, by reason.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        executor: ExecutorName = "compiled",
        rules: Sequence[type[ASTValidationRule]] = (),
        limits: Limits | None = None,
        tell_cost: bool = False,
        max_operation_bytes: int = OPERATIONS.max_bytes,
    ) -> None:
        self.executor: ExecutorName = executor
        self.rules = tuple(rules)
        self.limits = limits or Limits()
        self.tell_cost = tell_cost
        self.handed_over: Counter[str] = Counter()
        self._deadlines = DeadlinesByLength()
        self._schema = schema
        self._asynchronous_types = asynchronous_types(schema)
        self._operations: BoundedCache[tuple[str, str | None], Operation] = BoundedCache(
            OPERATIONS.of(max_operation_bytes)
        )
        self._introspected: Introspected = BoundedCache(INTROSPECTED)

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
        raw: bool = False,
        sees_schema: bool = True,
        charge: Charge | None = None,
    ) -> ExecutionResult:
        """Executes a query or mutation; returns a `Refused` if it cannot run at all.

        Fields unanswered `deadline_seconds` after the start are null, with DEADLINE_EXCEEDED.
        Without `sees_schema` introspection is refused, and no error suggests a name. `charge` is
        called with the cost of each step before the step: reading a text that is not cached,
        compiling it, running the operation; and afterwards with the cost of errors that refuse the
        request. Its exceptions propagate. With `raw`, parts of the data may already be JSON, as
        `msgspec.Raw`, for callers that encode the result.
        """
        operation = self.operation(
            text, operation_name, allow, hide_suggestions=not sees_schema, charge=charge
        )
        if isinstance(operation, Refused):
            return operation
        if operation.type is OperationType.SUBSCRIPTION:
            return refuse_operation("Subscriptions need a transport that streams.")
        admitted = self.admit(operation, variables, sees_schema, charge)
        if isinstance(admitted, Refused):
            return admitted
        values, cost = admitted
        result = await self._execute(
            operation, values, context, root_value, deadline_seconds, raw=raw
        )
        return self._told(result, cost)

    async def open(
        self,
        text: str,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        context: Any = None,
        root_value: Any = None,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        deadline_seconds: float | None = None,
        sees_schema: bool = True,
        charge: Charge | None = None,
        begin: Callable[[Subscription], None] | None = None,
    ) -> Subscription | ExecutionResult:
        """Opens a subscription; executes any other operation and returns its result.

        Each event is executed in `context.renew()`, within `deadline_seconds`; the cost is that of
        one event. `begin` is called with a subscription before its source is opened, and its
        exceptions propagate. For the rest, see `run`.
        """
        operation = self.operation(
            text, operation_name, allow, hide_suggestions=not sees_schema, charge=charge
        )
        if isinstance(operation, Refused):
            return operation
        admitted = self.admit(operation, variables, sees_schema, charge)
        if isinstance(admitted, Refused):
            return admitted
        values, cost = admitted
        if operation.type is not OperationType.SUBSCRIPTION:
            result = await self._execute(operation, values, context, root_value, deadline_seconds)
            return self._told(result, cost)

        def execute(event: Any) -> Awaitable[ExecutionResult]:
            # A context without `renew` is used for all events.
            renewed = context.renew() if hasattr(context, "renew") else context
            return self._execute(operation, values, renewed, event, deadline_seconds)

        subscription = Subscription(operation, cost, execute)
        if begin is not None:
            begin(subscription)
        return await subscription.open(operation.graphql_core(values, context, root_value))

    async def stream(
        self,
        text: str,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        context: Any = None,
        root_value: Any = None,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        deadline_seconds: float | None = None,
    ) -> AsyncGenerator[ExecutionResult, None] | Refused:
        """The results of an operation: one for each event of a subscription, else a single one.

        See `open`. If the source fails, the last result has that error and no data. Closing the
        iterator closes the source.
        """
        opened = await self.open(
            text,
            variables=variables,
            operation_name=operation_name,
            context=context,
            root_value=root_value,
            allow=allow,
            deadline_seconds=deadline_seconds,
        )
        if isinstance(opened, Subscription):
            return opened.results()
        return opened if isinstance(opened, Refused) else _single(opened)

    def admit(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None,
        sees_schema: bool,
        charge: Charge | None,
    ) -> tuple[VariableValues, int] | Refused:
        """The coerced variables and the cost of an operation that may run; else a `Refused`."""
        values = operation.coerce(variables, hide_suggestions=not sees_schema)
        if isinstance(values, Refused):
            return _charged(values, charge)
        if operation.introspects and not sees_schema:
            return refuse_for(IntrospectionRefused("The schema is not shown to you."))
        if charge is not None and (compiling := operation.cost_of_compiling(values)):
            charge(compiling)
        cost = operation.cost.of(values)
        subscribes = operation.type is OperationType.SUBSCRIPTION
        maximum = self.limits.subscription_cost if subscribes else self.limits.cost
        if cost > maximum:
            message = f"The operation costs {cost}, and may cost {maximum}: ask for less at once."
            refused = refuse_for(CostLimitExceeded(message, cost=cost, maximum=maximum))
            return _charged(refused, charge)
        if charge is not None:
            charge(cost)
        return values, cost

    def _told(self, result: ExecutionResult, cost: int) -> ExecutionResult:
        if self.tell_cost:
            result.extensions = {"cost": cost}
        return result

    async def _execute(
        self,
        operation: Operation,
        values: VariableValues,
        context: Any,
        root_value: Any,
        deadline_seconds: float | None,
        *,
        raw: bool = False,
    ) -> ExecutionResult:
        plan = self._plan(operation, values)
        try:
            if plan is None:
                core = operation.graphql_core(values, context, root_value)
                return await core.run(deadline_seconds)
            deadline = self._deadlines.deadline(deadline_seconds)
            if raw and may_repeat(plan, context):
                start = partial(operation.start, plan, values, context, root_value, raw=True)
                return await repeated(
                    operation, plan, values, context, start, deadline, self._introspected
                )
            run = operation.start(plan, values, context, root_value, raw=raw)
            return await run.run(operation.type, deadline)
        except Exception as error:
            return ExecutionResult(None, [located_error(error, [operation.document.operation])])

    def _plan(self, operation: Operation, values: VariableValues) -> SelectionPlan | None:
        """The compiled plan, or None if graphql-core has to execute the operation."""
        if self.executor == "reference":
            return None
        plan = "asynchronous types" if self._asynchronous_types else operation.plan(values)
        if isinstance(plan, str):
            self.handed_over[plan] += 1
            return None
        return plan

    def is_valid(self, text: str, operation_name: str | None, charge: Charge | None = None) -> bool:
        """Whether the text has such an operation, within the limits; if so, it is cached."""
        return not isinstance(self.operation(text, operation_name, charge=charge), Refused)

    def problems(self, text: str) -> list[str]:
        """The error messages of a document; empty if it has one operation, and that can be run."""
        operation = self.operation(text)
        errors = operation.errors if isinstance(operation, Refused) else None
        return [error.message for error in errors or ()]

    def operation(
        self,
        text: str,
        operation_name: str | None = None,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        *,
        hide_suggestions: bool = False,
        charge: Charge | None = None,
    ) -> Operation | Refused:
        """The operation of a text, from the cache or read now; only reading it is charged."""
        key = (text, operation_name)
        operation = self._operations.get(key)
        if operation is None:
            if charge is not None and len(text) <= self.limits.characters:
                charge(cost_of_reading(text))
            document = read_document(
                self._schema,
                text,
                operation_name,
                self.rules,
                self.limits,
                hide_suggestions=hide_suggestions,
                charge=charge,
            )
            if isinstance(document, Refused):
                return _charged(document, charge)
            operation = Operation(self._schema, document)
            weight_bytes = weight_of_operation(text, document.node.token_count)
            self._operations.put(key, operation, weight_bytes)
        if operation.type not in allow:
            return refuse_type(operation.type)
        return operation


def _charged(refused: Refused, charge: Charge | None) -> Refused:
    """Charges for the errors, which take longer to create and encode than they seem."""
    if charge is not None:
        charge(COST_OF_ERROR * len(refused.errors or ()))
    return refused


async def _single(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result
