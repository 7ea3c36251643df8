"""Writers whose transactions a test begins and ends."""

from dataclasses import dataclass, field
from typing import Any

import asyncpg

WRITE = (
    "INSERT INTO things (id, owner_id) VALUES ($1, $2) "
    "ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id"
)


@dataclass
class Writer:
    """A transaction that stays open over some steps of a schedule."""

    connection: asyncpg.Connection
    transaction: Any = None
    written: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    async def write(self, key: int, value: int) -> None:
        if self.transaction is None:
            self.transaction = self.connection.transaction()
            await self.transaction.start()
        await self.connection.execute(WRITE, key, value)
        self.written.append((key, value))

    async def end(self, *, commit: bool) -> list[tuple[int, int]]:
        """Ends the transaction; returns what it committed, in order."""
        if self.transaction is None:
            return []
        await (self.transaction.commit() if commit else self.transaction.rollback())
        written, self.written, self.transaction = self.written, [], None
        return written if commit else []
