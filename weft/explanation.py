"""What one operation did, by field and by statement, for viewers who may `explain` it.

Without `explain` this costs a check or two. `AT_WORK` holds what statements are counted for: a
field while its resolver runs, a batch while its statements run.
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
    """What statements can be a part of: a field or a batch."""

    def add_statement(self, sql: str, seconds: float) -> None:
        """Counts a statement that ran, and its seconds."""
        ...


AT_WORK: ContextVar[Work | None] = ContextVar("at_work", default=None)


def observed_at_work(observe: Observe) -> Observe:
    """Returns an `observe` that also counts the statement for what is in `AT_WORK`."""

    def observe_both(sql: str, seconds: float) -> None:
        observe(sql, seconds)
        work = AT_WORK.get()
        if work is not None:
            work.add_statement(sql, seconds)

    return observe_both


class ExplainedBatch:
    """One batch of a loader: its number of distinct keys and of calls, and its statements."""

    def __init__(self, keys: int, calls: int) -> None:
        self.keys = keys
        self.calls = calls
        self.statements: list[tuple[str, float]] = []

    def add_statement(self, sql: str, seconds: float) -> None:
        self.statements.append((sql, seconds))


class ExplainedStatement(msgspec.Struct, omit_defaults=True):
    """`keys` and `calls` are those of its batch; 0 for a statement of no batch."""

    sql: str
    ms: float
    field: str
    keys: int = 0
    calls: int = 0


class FieldWork(msgspec.Struct):
    """The work of one field: `calls`, one a level; `ms` until they returned, waiting included."""

    calls: int = 0
    parents: int = 0
    ms: float = 0
    batches: int = 0
    keys: int = 0
    statements: int = 0
    statement_ms: float = 0


class Explanation:
    """Collects what is done for one operation, from its creation on."""

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
        """Returns a function that charges, if `charge` is given, and always counts the cost."""

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
        """Counts the time of the block, and its statements, for the field."""
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
        """Counts statements for the field; their batch may be shared with other fields."""
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
        """Returns the part of a response's extensions; cached fields include the cache's work."""
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
    """A field while its resolver runs: its own statements, and the batches that it waits for."""

    def __init__(self, explanation: Explanation, coordinate: str) -> None:
        self._explanation = explanation
        self._coordinate = coordinate

    def add_statement(self, sql: str, seconds: float) -> None:
        self._explanation.add(self._coordinate, [(sql, seconds)], None)

    def add_batch(self, batch: ExplainedBatch) -> None:
        self._explanation.add(self._coordinate, batch.statements, batch)


Watch = Callable[[ExplainedBatch], None]


def watch_at_work() -> Watch | None:
    """Returns what to call with a batch that is requested now; None without `explain`."""
    work = AT_WORK.get()
    return work.add_batch if isinstance(work, _FieldAtWork) else None


@contextmanager
def batch_at_work(keys: int, calls: int, watches: Sequence[Watch]) -> Generator[None]:
    """Collects the statements of the block as those of one batch, and calls the `watches`."""
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
