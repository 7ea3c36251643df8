"""The database of the state machine in `interleaved`, which can crash and be restored."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from tests.weft.cache.driven import Crossing
from weft.errors import Unavailable
from weft.loading.snapshot import Snapshot


class Transaction(NamedTuple):
    """A transaction that has begun, and its history."""

    id: int
    history: int


@dataclass
class Contents:
    """The durable state: writes by key, and transactions whose changes have no position."""

    written: dict[int, frozenset[int]] = field(default_factory=dict)
    pending: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Key and write by transaction id."""
    last_id: int = 99

    @property
    def writes(self) -> set[int]:
        """The writes of all keys."""
        return set().union(*self.written.values())


@dataclass
class Database:
    """Transactions that add a write to a key. Every write has a number of its own."""

    now: Callable[[], float] = lambda: 0.0
    held: Contents = field(default_factory=Contents)
    copy: Contents = field(default_factory=Contents)
    next_id: int = 100
    running: set[int] = field(default_factory=set)
    writes: Iterator[int] = field(default_factory=lambda: count(1))
    history: int = 0
    began_at: float = 0.0
    is_named_anew: bool = True

    @property
    def name(self) -> str:
        """The name of the history, as the server makes it."""
        return f"history {self.history if self.is_named_anew else 0}"

    def draw_id(self, history: str) -> int:
        if history != self.name:
            raise Unavailable("Another history.")
        return self._draw()

    def _draw(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def begin(self) -> Transaction:
        begun = Transaction(self._draw(), self.history)
        self.running.add(begun.id)
        return begun

    def commit(self, transaction: Transaction, key: int) -> int:
        """Returns the write; raises Unavailable if the transaction's history has ended."""
        if transaction.history != self.history:
            raise Unavailable("The connection was lost.")
        self.running.discard(transaction.id)
        write = next(self.writes)
        self.held.written[key] = self.held.written.get(key, frozenset()) | {write}
        self.held.pending[transaction.id] = key, write
        self.held.last_id = max(self.held.last_id, transaction.id)
        return write

    def read(self, keys: Sequence[int]) -> tuple[Snapshot, list[list[int]]]:
        """Returns the snapshot, and the writes of each key."""
        xmin = min(self.running, default=self.next_id)
        values = [sorted(self.held.written.get(key, ())) for key in keys]
        return Snapshot(xmin, self.name), values

    def crash(self) -> None:
        """Loses all ids above the last committed one, which are then given out a second time."""
        self.running.clear()
        self.next_id = self.held.last_id + 1
        self.history += 1
        self.began_at = self.now()

    def back_up(self) -> None:
        self.copy = deepcopy(self.held)

    def restore(self) -> set[int]:
        """Puts the copy back; returns the writes that this undoes."""
        before = self.held.writes
        self.held = deepcopy(self.copy)
        self.crash()
        return before - self.held.writes

    def ask(self, command: Callable[[], Any]) -> Crossing:
        return Crossing(command, can_fail=False)
