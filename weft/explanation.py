"""What was done for one operation, by field and by statement: told to those who ask and may know.

Whoever does not ask pays for a check or two. What is at work is a context variable: a field while
its resolver runs, a batch while its statements do.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

import msgspec

from weft.cache.report import Report

Observe = Callable[[str, float], None]


class Work(Protocol):
    """What statements can be a part of."""

    def add_statement(self, sql: str, seconds: float) -> None:
        """Tells of a statement that ran, and how long."""
        ...


AT_WORK: ContextVar[Work | None] = ContextVar("at_work", default=None)


def observed_at_work(observe: Observe) -> Observe:
    """An `observe` that also tells what is at work."""

    def observe_both(sql: str, seconds: float) -> None:
        observe(sql, seconds)
        work = AT_WORK.get()
        if work is not None:
            work.add_statement(sql, seconds)

    return observe_both


class ExplainedBatch:
    """One batch of a loader: its distinct keys, for how many calls, and its statements."""

    def __init__(self, keys: int, calls: int) -> None:
        self.keys = keys
        self.calls = calls
        self.statements: list[tuple[str, float]] = []

    def add_statement(self, sql: str, seconds: float) -> None:
        self.statements.append((sql, seconds))


class ExplainedStatement(msgspec.Struct, omit_defaults=True):
    """`keys` and `calls` are those of its batch; a statement of no batch has none."""

    sql: str
    ms: float
    field: str
    keys: int = 0
    calls: int = 0


class FieldWork(msgspec.Struct):
    """What one field took: `calls`, one a level; `ms` until they had answered, waiting included."""

    calls: int = 0
    parents: int = 0
    ms: float = 0
    batches: int = 0
    keys: int = 0
    statements: int = 0
    statement_ms: float = 0


class Explanation:
    """Gathers what is done for one operation, from now on."""

    def __init__(self) -> None:
        self.cache = Report()
        self._charged = 0
        self._started = perf_counter()
        self._fields: defaultdict[str, FieldWork] = defaultdict(FieldWork)
        self._statements: list[ExplainedStatement] = []

    def add_charge(self, cost: int) -> None:
        """Counts what the client is charged."""
        self._charged += cost

    def charging(self, charge: Callable[[int], None] | None) -> Callable[[int], None]:
        """Charges, and counts it; where nobody is charged, what it would be."""

        def count(cost: int) -> None:
            if charge is not None:
                charge(cost)
            self._charged += cost

        return count

    def begin_call(self, coordinate: str, parents: int) -> None:
        """Counts a call of the field's resolver."""
        field = self._fields[coordinate]
        field.calls += 1
        field.parents += parents

    @contextmanager
    def at_work(self, coordinate: str) -> Generator[None]:
        """Counts the time in the block, and its statements, as the field's."""
        started = perf_counter()
        token = AT_WORK.set(_FieldAtWork(self, coordinate))
        try:
            yield
        finally:
            AT_WORK.reset(token)
            self._fields[coordinate].ms += _ms(perf_counter() - started)

    def add(
        self, coordinate: str, statements: list[tuple[str, float]], batch: ExplainedBatch | None
    ) -> None:
        """Counts statements as the field's, which may share their batch with others."""
        field = self._fields[coordinate]
        keys, calls = (batch.keys, batch.calls) if batch else (0, 0)
        field.batches += batch is not None
        field.keys += keys
        for sql, seconds in statements:
            field.statements += 1
            field.statement_ms += _ms(seconds)
            self._statements.append(
                ExplainedStatement(sql, round(_ms(seconds), 3), coordinate, keys, calls)
            )

    def as_dict(self) -> dict[str, Any]:
        """As it stands in an answer's extensions; a cached field also has what the cache did."""
        cached = self.cache.as_dict()
        fields: dict[str, Any] = {}
        for coordinate in dict.fromkeys((*self._fields, *cached)):
            told = msgspec.to_builtins(self._fields[coordinate])
            told["statementMs"] = round(told.pop("statement_ms"), 3)
            told["ms"] = round(told["ms"], 3)
            fields[coordinate] = told
            if coordinate in cached:
                told["cache"] = cached[coordinate]
        return {
            "ms": round(_ms(perf_counter() - self._started), 3),
            "charged": self._charged,
            "fields": fields,
            "statements": msgspec.to_builtins(self._statements),
        }


class _FieldAtWork:
    """A field while its resolver runs: what it runs itself, and the batches that it waits for."""

    def __init__(self, explanation: Explanation, coordinate: str) -> None:
        self._explanation = explanation
        self._coordinate = coordinate

    def add_statement(self, sql: str, seconds: float) -> None:
        self._explanation.add(self._coordinate, [(sql, seconds)], None)

    def add_batch(self, batch: ExplainedBatch) -> None:
        self._explanation.add(self._coordinate, batch.statements, batch)


Watch = Callable[[ExplainedBatch], None]


def watch_at_work() -> Watch | None:
    """Who is to be told of a batch that is asked for now."""
    work = AT_WORK.get()
    return work.add_batch if isinstance(work, _FieldAtWork) else None


@contextmanager
def batch_at_work(keys: int, calls: int, watches: Sequence[Watch]) -> Generator[None]:
    """Gathers the statements in the block as those of one batch, and tells who watches."""
    batch = ExplainedBatch(keys, calls)
    token = AT_WORK.set(batch)
    try:
        yield
    finally:
        AT_WORK.reset(token)
        for watch in watches:
            watch(batch)


def _ms(seconds: float) -> float:
    return seconds * 1000
