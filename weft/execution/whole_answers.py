"""Stores whole answers of operations that only introspect, or only select cached fields."""

from collections.abc import Callable
from typing import Any

import msgspec
from graphql import ExecutionResult, OperationType
from graphql.execution.values import VariableValues

from weft.bounded_cache import BoundedCache
from weft.execution.deadline import Deadline
from weft.execution.operation import Operation
from weft.execution.plan import SelectionPlan
from weft.execution.run import Run
from weft.memory_weight import weight_of

_encode = msgspec.json.Encoder().encode
_encode_key = msgspec.json.Encoder(enc_hook=repr, order="sorted").encode

Introspected = BoundedCache[int, msgspec.Raw]
"""Answers to introspection, by the number of the operation."""

Start = Callable[[], Run]
"""Creates the run. Call it only to run it: otherwise it stays in a reference cycle."""


def may_repeat(plan: SelectionPlan, context: Any) -> bool:
    """Whether the whole answer may be stored, and the operation is not to be explained."""
    return plan.repeats and getattr(context, "explanation", None) is None


async def repeated(
    operation: Operation,
    plan: SelectionPlan,
    values: VariableValues,
    context: Any,
    start: Start,
    deadline: Deadline | None,
    known: Introspected,
) -> ExecutionResult:
    """The stored answer, as finished JSON; else runs the operation and stores what it can."""
    if plan.introspects_only:
        return await _introspected(operation, values, start, deadline, known)
    if operation.type is OperationType.QUERY and context.cache is not None:
        return await _cached(operation, values, context, start, deadline)
    return await start().run(operation.type, deadline)


async def _introspected(
    operation: Operation,
    values: VariableValues,
    start: Start,
    deadline: Deadline | None,
    known: Introspected,
) -> ExecutionResult:
    same = not values.coerced
    answer: Any = known.get(operation.number) if same else None
    if answer is not None:
        return ExecutionResult(answer)
    result = await start().run(operation.type, deadline)
    if same and not result.errors:
        data = _encode(result.data)
        known.put(operation.number, msgspec.Raw(data), weight_of(data))
    return result


async def _cached(
    operation: Operation,
    values: VariableValues,
    context: Any,
    start: Start,
    deadline: Deadline | None,
) -> ExecutionResult:
    key = (operation.number, _encode_key(values.coerced), context.viewer_key)
    known = await context.cache.recall(key, context)
    if known is not None:
        return ExecutionResult(known)
    context.taken = []
    run = start()
    result = await run.run(operation.type, deadline)
    if result.errors or len(context.taken) != run.asked:
        return result
    data = _encode(result.data)
    context.cache.keep(key, context, context.taken, data)
    raw: Any = msgspec.Raw(data)
    return ExecutionResult(raw)
