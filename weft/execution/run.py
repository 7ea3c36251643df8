"""One run of a plan, breadth first: each field of a level is called once for all parents."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from graphql import ExecutionResult, GraphQLObjectType, OperationType
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable as is_awaitable

from weft.declare.fields import Kind
from weft.declare.info import Info
from weft.errors import DeadlineExceeded
from weft.execution.deadline import Deadline
from weft.execution.per_object import (
    call_for_each,
    must_wait,
    resolve_info,
    runtime_type,
    wait_for_each,
)
from weft.execution.plan import FieldPlan, SelectionPlan
from weft.execution.reference import (
    OUT_OF_TIME,
    ReferenceExecutor,
    cancelled_inside,
    in_parent_order,
    prepared,
)
from weft.execution.response import Response
from weft.execution.response_path import Level
from weft.explanation import Explanation

_NOT_STARTED = inspect.CORO_CREATED


class Branch:
    """A field of a level that was called and whose answer is awaited."""

    __slots__ = ("answer", "field", "level")

    def __init__(self, level: Level, field: FieldPlan, answer: Awaitable[Any]) -> None:
        self.level = level
        self.field = field
        self.answer = answer

    def abandon(self) -> None:
        """Closes an answer that is a coroutine which was never started."""
        answer = self.answer
        if inspect.iscoroutine(answer) and inspect.getcoroutinestate(answer) == _NOT_STARTED:
            answer.close()


class Run:
    """The state of one run.

    Everything that needs no waiting is done at once, level after level. Then each field that has to
    be awaited is a branch, which continues by itself as soon as it has its answer. The first branch
    runs in the current task; only the others get a task each.
    """

    def __init__(
        self,
        plan: SelectionPlan,
        variable_values: VariableValues,
        context: Any,
        root_value: Any,
        make_executor: Callable[[], ReferenceExecutor],
        *,
        raw: bool = False,
    ) -> None:
        """`make_executor` creates graphql-core's executor, if a resolver for each object needs it.

        `raw`: some objects of the data may be `msgspec.Raw`, their finished JSON.
        """
        self._plan = plan
        self._variable_values = variable_values
        self._context = context
        self._root_value = root_value
        self._make_executor = make_executor
        self._executor: ReferenceExecutor | None = None
        self._response = Response(self._find_type, raw=raw)
        self._ready: list[Level] = []
        self._pending: list[Branch] = []
        # For the deadline only: unanswered branches, and root fields that were not called yet.
        self._unanswered: set[Branch] = set()
        self._unasked: list[FieldPlan] = []
        self._closed = False
        self.asked = 0
        """How many field calls were made so far, each for all parents of a level."""

    async def run(self, operation: OperationType, deadline: Deadline | None) -> ExecutionResult:
        """Executes the operation; fields unanswered at the deadline are null, with an error."""
        response = self._response
        root = response.begin(self._plan, self._root_value)
        go = self._run_serially if operation is OperationType.MUTATION else self._run_together
        if deadline is None:
            await go(root)
        else:
            try:
                with deadline:
                    await go(root)
            except TimeoutError:
                if not deadline.is_over:
                    raise
                self._run_out_of_time(root)
        self._closed = True
        # The response refers to this run by `_find_type`. In that cycle every answer with all its
        # rows would stay until a garbage collection, which then takes a quarter of the time.
        del self._response
        return ExecutionResult(response.data, response.errors or None)

    def _run_together(self, root: Level) -> Awaitable[None]:
        self._ready.append(root)
        return self._drive(self._advance())

    async def _run_serially(self, root: Level) -> None:
        """GraphQL specification, "Normal and Serial Execution"."""
        self._read_composites(root)
        if pending := self._advance():
            await self._drive(pending)
        self._unasked = list(root.plan.resolved)
        while self._unasked and self._response.data is not None:
            self._ask(root, self._unasked.pop(0))
            if pending := self._advance():
                await self._drive(pending)

    async def _drive(self, pending: list[Branch]) -> None:
        """Runs branches, and all branches that follow from them, to the end."""
        while len(pending) == 1:
            (branch,) = pending
            try:
                answer = await branch.answer
            except Exception as error:
                answer = error
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                answer = cancelled_inside(branch.field.coordinate)
            pending = self._settle(branch, answer)
        if pending:
            await self._drive_together(pending)

    async def _drive_together(self, pending: list[Branch]) -> None:
        tasks = [asyncio.create_task(self._drive([branch])) for branch in pending[1:]]
        try:
            await self._drive(pending[:1])
            # Not one by one: a task cancelled while it awaits another has to wait for that to end.
            await asyncio.wait(tasks)
            for task in tasks:
                task.result()
        except BaseException:
            for branch in pending:
                branch.abandon()
            for task in tasks:
                task.cancel()
            raise

    def _settle(self, branch: Branch, answer: Any) -> list[Branch]:
        """Takes a branch's answer; returns the branches that follow from it."""
        if self._closed:
            return []
        self._unanswered.discard(branch)
        self._take(branch.level, branch.field, answer)
        return self._advance()

    def _advance(self) -> list[Branch]:
        """Does everything that needs no waiting; returns the branches to await."""
        ready = self._ready
        while ready:
            level = ready.pop()
            self._read_composites(level)
            for field in level.plan.resolved:
                self._ask(level, field)
        pending, self._pending = self._pending, []
        return pending

    def _read_composites(self, level: Level) -> None:
        for field in level.plan.composites:
            try:
                values = list(map(field.read, level.rows))
            except Exception:
                values = [_read_one(field, row) for row in level.rows]
            self._ready.extend(self._response.complete(level, field, values))

    def _ask(self, level: Level, field: FieldPlan) -> None:
        """Calls a field once for all parents; takes the answer, or leaves it pending."""
        answer: Any
        self.asked += 1
        try:
            answer = self._answer(level, field)
        except Exception as error:
            answer = error
        if is_awaitable(answer):
            branch = Branch(level, field, answer)
            self._unanswered.add(branch)
            self._pending.append(branch)
        else:
            self._take(level, field, answer)

    def _answer(self, level: Level, field: FieldPlan) -> Any:
        spec = field.spec
        arguments = {} if field.arguments is None else field.arguments.values(self._variable_values)
        if spec is None:
            answers = call_for_each(self._graphql_core(), field, level, arguments)
            type_ = field.definition.type
            if must_wait(answers, type_):
                return wait_for_each(answers, type_, field.coordinate)
            return answers
        if spec.kind is Kind.EVENT:
            return level.rows[0]
        assert spec.resolve is not None
        info = Info(self._context, field.coordinate)
        arguments = prepared(spec, arguments)
        if spec.kind is Kind.BATCHED:
            return spec.resolve(level.rows, info, **arguments)
        return spec.resolve(info, **arguments)

    def _take(self, level: Level, field: FieldPlan, answer: Any) -> None:
        """Completes a field's answer into the response; the levels that it opens are ready."""
        try:
            if field.batched and not isinstance(answer, Exception):
                answer = in_parent_order(field.coordinate, level.rows, answer)
        except Exception as error:
            answer = error
        if isinstance(answer, Exception):
            self._response.fail_all(level, field, answer)
            return
        for_each = field.batched or field.spec is None
        self._ready.extend(self._response.complete(level, field, answer if for_each else [answer]))

    def _find_type(
        self, level: Level, field: FieldPlan, index: int, value: Any
    ) -> GraphQLObjectType:
        places = level.places()[index]
        executor = self._graphql_core()
        info = resolve_info(executor, field, level, places[0] if places else None)
        return runtime_type(executor, field, value, info)

    def _graphql_core(self) -> ReferenceExecutor:
        if self._executor is None:
            self._executor = self._make_executor()
        return self._executor

    def _run_out_of_time(self, root: Level) -> None:
        error = DeadlineExceeded(OUT_OF_TIME)
        for branch in self._unanswered:
            self._response.fail_all(branch.level, branch.field, error)
        for field in self._unasked:
            self._response.fail_all(root, field, error)


class ExplainedRun(Run):
    """A run that reports the work of each field to an explanation."""

    def __init__(self, *arguments: Any, explanation: Explanation, raw: bool = False) -> None:
        super().__init__(*arguments, raw=raw)
        self._explanation = explanation

    def _answer(self, level: Level, field: FieldPlan) -> Any:
        self._explanation.begin_call(field.coordinate, len(level.rows))
        with self._explanation.at_work(field.coordinate):
            answer = super()._answer(level, field)
        return self._waiting(field.coordinate, answer) if is_awaitable(answer) else answer

    async def _waiting(self, coordinate: str, answer: Awaitable[Any]) -> Any:
        with self._explanation.at_work(coordinate):
            return await answer


def _read_one(field: FieldPlan, row: Any) -> Any:
    try:
        return field.read(row)
    except Exception as error:
        return error
