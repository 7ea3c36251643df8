"""The database of the machine of interleavings, which can crash, and be put back to a copy."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from tests.weft.cache.driven import Crossing
from weft.errors import Unavailable
from weft.loading.snapshot import Snapshot


class Transaction(NamedTuple):
    """One that has begun, and in which history."""

    id: int
    history: int


@dataclass
class Contents:
    """What is durable: writes by key, and by the ids of those whose changes have no position."""

    written: dict[int, frozenset[int]] = field(default_factory=dict)
    pending: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Transaction ids, each with the key and the write."""
    last_id: int = 99

    @property
    def writes(self) -> set[int]:
        """All of them."""
        return set().union(*self.written.values())


@dataclass
class Database:
    """Transactions that add a write to what stands under a key. No write has another's number."""

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
        """That of the history, as the server makes it."""
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
        """The write; its connection is lost if the history has ended."""
        if transaction.history != self.history:
            raise Unavailable("The connection was lost.")
        self.running.discard(transaction.id)
        write = next(self.writes)
        self.held.written[key] = self.held.written.get(key, frozenset()) | {write}
        self.held.pending[transaction.id] = key, write
        self.held.last_id = max(self.held.last_id, transaction.id)
        return write

    def read(self, keys: Sequence[int]) -> tuple[Snapshot, list[list[int]]]:
        """The snapshot, and what stands under the keys."""
        xmin = min(self.running, default=self.next_id)
        values = [sorted(self.held.written.get(key, ())) for key in keys]
        return Snapshot(xmin, self.name), values

    def crash(self) -> None:
        """Ids above those of what was committed are not in the log, and are given out again."""
        self.running.clear()
        self.next_id = self.held.last_id + 1
        self.history += 1
        self.began_at = self.now()

    def back_up(self) -> None:
        self.copy = deepcopy(self.held)

    def restore(self) -> set[int]:
        """Puts the copy back; the writes that this undoes."""
        before = self.held.writes
        self.held = deepcopy(self.copy)
        self.crash()
        return before - self.held.writes

    def ask(self, command: Callable[[], Any]) -> Crossing:
        return Crossing(command, can_fail=False)
