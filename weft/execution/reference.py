"""The same schema for plain graphql-core: aiodataloader batches the parents of a field."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiodataloader import DataLoader
from graphql import (
    AbortController,
    AbortedGraphQLExecutionError,
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLResolveInfo,
    OperationType,
    create_source_event_stream,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from weft.declare.fields import FieldSpec, Kind
from weft.declare.info import Info
from weft.errors import DeadlineExceeded
from weft.execution.errors import BAD_USER_INPUT, Refused

OUT_OF_TIME = "The operation ran out of time before this field was answered."


@dataclass(frozen=True, slots=True)
class ResumeAfter:
    """A root value that makes a subscription begin after a cursor, whatever its text says."""

    cursor: str


class WrongCount(TypeError):
    """A batched resolver returned more or fewer results than it has parents."""


def in_parent_order(coordinate: str, parents: Sequence[Any], results: Any) -> Sequence[Any]:
    """The results of a batched resolver; raises `WrongCount` unless there is one per parent."""
    if not isinstance(results, list | tuple):
        results = list(results)
    if len(results) != len(parents):
        raise WrongCount(
            f"{coordinate} promised {len(parents)} results, one for each parent, "
            f"and gave {len(results)}"
        )
    return results


class ReferenceExecutor(Executor[Any]):
    """graphql-core's executor, with the resolve info that Strawberry's own fields expect."""

    operation_extensions = None
    build_resolve_info = StrawberryGraphQLCoreExecutionContext.build_resolve_info

    def handle_field_error(
        self, raw_error: Exception, return_type: Any, field_details_list: Any, path: Any
    ) -> None:
        """Like graphql-core's; the error has the first place that selects the field, not all."""
        super().handle_field_error(raw_error, return_type, field_details_list[:1], path)

    async def run(self, deadline_seconds: float | None) -> ExecutionResult:
        """Executes the operation; fields unanswered at the deadline are null, with an error."""
        if deadline_seconds is None:
            return await self._settled()
        controller = AbortController()
        self.abort_signal = controller.signal
        timer = asyncio.get_running_loop().call_later(
            deadline_seconds, controller.abort, DeadlineExceeded(OUT_OF_TIME)
        )
        try:
            return await self._settled()
        except AbortedGraphQLExecutionError as aborted:
            return await _partial(aborted)
        finally:
            timer.cancel()

    async def _settled(self) -> Any:
        serially = self.operation.operation is OperationType.MUTATION
        result = self.execute_operation(serially)
        return await result if inspect.isawaitable(result) else result


async def _partial(aborted: AbortedGraphQLExecutionError) -> ExecutionResult:
    try:
        result = aborted.aborted_result
        return await result if inspect.isawaitable(result) else result
    except DeadlineExceeded as error:
        # graphql-core drops the whole result when it aborts root fields that run serially.
        return ExecutionResult(None, [GraphQLError(OUT_OF_TIME, original_error=error)])


async def open_source(executor: ReferenceExecutor) -> Any:
    """Opens a source: an async iterable of events, or a `Refused` with the field's error."""
    source = create_source_event_stream(executor)
    if inspect.isawaitable(source):
        source = await source
    if isinstance(source, ExecutionResult):
        return Refused(source.errors or [], BAD_USER_INPUT)
    return source


class ReferenceResolvers:
    """graphql-core resolvers for `FieldSpec`s, for one schema."""

    def __init__(self) -> None:
        # Keys are ids. They stay valid while their loader is in here: it refers to the objects.
        self._gathering: dict[tuple[int, ...], _Gathering] = {}

    def resolver(self, spec: FieldSpec, coordinate: str) -> Callable[..., Any]:
        """The function that graphql-core calls for each object to resolve the field."""
        compute = spec.resolve
        match spec.kind:
            case Kind.COLUMN:
                attribute = spec.attribute
                return lambda row, _info: getattr(row, attribute)
            case Kind.DERIVED:
                assert compute is not None
                return lambda row, _info: compute(row)
            case Kind.ROOT:
                return root_resolver(spec, coordinate)
            case Kind.EVENT:
                return lambda event, _info, **_arguments: event
            case Kind.BATCHED:
                return self._batched(spec, coordinate)

    def _batched(self, spec: FieldSpec, coordinate: str) -> Callable[..., Any]:
        async def resolve(row: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            key = (
                id(asyncio.get_running_loop()),
                id(info.context),
                id(info.variable_values),
                id(info.field_nodes[0]),
                id(spec),
            )
            gathering = self._gathering.get(key)
            if gathering is None:
                given = prepared(spec, arguments)
                forget = self._gathering.pop
                gathering = _Gathering(
                    spec, Info(info.context, coordinate), given, lambda: forget(key, None), info
                )
                self._gathering[key] = gathering
            (answer,) = await gathering.load((row,))
            return answer

        return resolve


class _Gathering(DataLoader[tuple[Any], tuple[Any]]):
    """The parents of one field node that graphql-core reaches in one batch window of aiodataloader.

    Keys and results are wrapped in tuples: a parent may be None, and an exception that is one
    parent's result must be returned as a value.
    """

    cache = False

    def __init__(
        self,
        spec: FieldSpec,
        info: Info,
        arguments: dict[str, Any],
        forget: Callable[[], Any],
        kept_alive: Any,
    ) -> None:
        super().__init__(loop=asyncio.get_running_loop(), get_cache_key=id)
        self._spec = spec
        self._info = info
        self._arguments = arguments
        self._forget = forget
        self._kept_alive = kept_alive

    async def batch_load_fn(self, keys: list[tuple[Any]]) -> list[tuple[Any]]:
        self._forget()
        assert self._spec.resolve is not None
        parents = [key[0] for key in keys]
        try:
            results = self._spec.resolve(parents, self._info, **self._arguments)
            if inspect.isawaitable(results):
                results = await results
            answers = in_parent_order(self._info.coordinate, parents, results)
        except (Exception, asyncio.CancelledError) as error:
            failure = (
                error if isinstance(error, Exception) else cancelled_inside(self._info.coordinate)
            )
            return [(failure,)] * len(keys)
        return [(answer,) for answer in answers]


def cancelled_inside(coordinate: str) -> Exception:
    """The error of a resolver that was cancelled although its operation was not."""
    return RuntimeError(f"{coordinate} awaited something that was cancelled")


def prepared(spec: FieldSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The resolver's arguments, made from the coerced ones."""
    return arguments if spec.prepare is None else spec.prepare(arguments)


def root_resolver(spec: FieldSpec, coordinate: str) -> Callable[..., Any]:
    """A resolver for a field of a root type; for a subscription, it opens the source."""
    compute = spec.resolve
    assert compute is not None

    def resolve(root: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Awaitable[Any] | Any:
        if isinstance(root, ResumeAfter) and spec.resume is not None:
            arguments[spec.resume] = root.cursor
        return compute(Info(info.context, coordinate), **prepared(spec, arguments))

    return resolve
