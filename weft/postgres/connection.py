"""Connections: statements in, rows out. asyncpg's errors become errors that a client may see."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Protocol, TypeVar

import asyncpg
import structlog

from weft.cache.snapshot_bound import UNREAD
from weft.errors import TookTooLong, Unavailable, Unreadable
from weft.loading.memory import Memory
from weft.loading.snapshot import Snapshot
from weft.postgres.own_writes import OWN_WRITES, Write
from weft.postgres.statement import Statement
from weft.postgres.unreadable import CANNOT_READ
from weft.tcp import IDLE_SECONDS, INTERVAL_SECONDS, PROBES, keep_alive

RowT = TypeVar("RowT")

CONNECT_SECONDS = 5.0
IDLE_MS = 5_000
"""How much longer than a statement a transaction may wait for its next one."""

Observe = Callable[[str, float], None]
"""Called after every statement, also a failed one, with its text and the seconds it took."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


_log = structlog.get_logger(__name__)


class Duplicate(Exception):
    """A value that must be unique is there already; the transaction is lost."""


class Missing(Exception):
    """A row that a value refers to no longer exists; the transaction is lost."""


class ReadConnection:
    """Runs statements one at a time on one connection of PostgreSQL.

    A lost connection is `Unavailable`, a statement that ran too long `TookTooLong`, a broken
    uniqueness `Duplicate`, a broken reference `Missing`. Rows that cannot be decoded are
    `Unreadable`, and so is a broken CHECK: what is stored was written before it. Other errors of
    PostgreSQL pass through.
    """

    history: str | None = None
    """Names that of the database which the connection belongs to: see `weft.postgres.history`."""

    def __init__(
        self, raw: asyncpg.Connection, observe: Observe, memory: Memory | None = None
    ) -> None:
        """`memory` has rows of this very history; by default it remembers nothing.

        One that sees what is not committed must not remember it.
        """
        self.raw = raw
        self.memory = memory or Memory(0)
        self._observe = observe
        self._xmin = UNREAD
        self.under_way_since: float | None = None
        """When the statement began that is under way, by `perf_counter`; None if there is none."""
        self.answered_at = perf_counter()
        """When the last statement was answered; at first, when the connection was made."""

    async def all(self, statement: Statement[RowT], **parameters: Any) -> list[RowT]:
        """Every row, in the statement's order."""
        row = statement.row
        try:
            records = await self._fetch(statement, parameters)
            if statement.snapshot:
                self._xmin = min(self._xmin, records[0][0])
                return [row(*record[2:]) for record in records if record[1]]
            self._xmin = 0
            return [row(*record) for record in records]
        except CANNOT_READ as error:
            # Only the type: the text may have what is stored.
            _log.error("unreadable_rows", error=type(error).__name__, statement=statement.sql)
            raise Unreadable from error

    async def first(self, statement: Statement[RowT], **parameters: Any) -> RowT | None:
        """The first row; None if there is none."""
        rows = await self.all(statement, **parameters)
        return rows[0] if rows else None

    def take_snapshot(self) -> Snapshot:
        """The oldest snapshot since the last call; its xmin is 0 if one of them is not known."""
        xmin, self._xmin = self._xmin, UNREAD
        return Snapshot(0 if xmin == UNREAD else xmin, self.history)

    async def _fetch(
        self, statement: Statement[Any], parameters: dict[str, Any]
    ) -> Sequence[asyncpg.Record]:
        self.under_way_since = started = perf_counter()
        try:
            records = await self.raw.fetch(statement.sql, *statement.arguments(parameters))
            self.answered_at = perf_counter()
            return records
        except asyncpg.UniqueViolationError as error:
            raise Duplicate(str(error)) from error
        except asyncpg.ForeignKeyViolationError as error:
            raise Missing(str(error)) from error
        except asyncpg.CheckViolationError as error:
            _log.error("broken_check", constraint=error.constraint_name)  # pyright: ignore[reportAttributeAccessIssue]
            raise Unreadable("What is stored here breaks a rule, and cannot be written.") from error
        except asyncpg.QueryCanceledError as error:
            raise TookTooLong("The database took too long to answer.") from error
        except LOST as error:
            # A server that goes says so first and closes afterwards; used in between, the
            # connection would be broken for good without being closed.
            self.raw.terminate()
            raise Unavailable("The database could not be reached.") from error
        finally:
            self.under_way_since = None
            self._observe(statement.sql, perf_counter() - started)

    async def execute(self, command: str) -> None:
        """Runs a command that gives no rows; asyncpg's errors pass through."""
        self.under_way_since = perf_counter()
        try:
            await self.raw.execute(command)
            self.answered_at = perf_counter()
        finally:
            self.under_way_since = None

    def terminate(self) -> None:
        """Ends the connection at once; a statement under way on it is Unavailable."""
        self.raw.terminate()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is lost; it never comes back."""
        return self.raw.is_closed()

    async def close(self) -> None:
        """Ends the connection, waiting for PostgreSQL at most a second."""
        # One that does not end in time has been cut by then.
        with suppress(*LOST):
            await self.raw.close(timeout=1)


class Rights(Protocol):
    """What a transaction rests on, such as a session that must not have ended."""

    async def check(self, transaction: "WriteTransaction", /, *, lock: bool) -> None:
        """Raises what the client is answered if that does not hold, such as Unauthenticated.

        `lock`: and keeps it as it is until the transaction ends.
        """
        ...


class WriteTransaction(ReadConnection):
    """A transaction that writes; only `Database` makes one."""

    wait_seconds = 0.0
    """How long after the last COMMIT it must not be acknowledged yet."""

    def begin(self, rights: Rights | None) -> None:
        """To be called when the next transaction begins, with what it rests on."""
        self._rights = rights
        self._told: list[tuple[int, Write]] | None = []

    async def all(self, statement: Statement[RowT], **parameters: Any) -> list[RowT]:
        """Every row, in the statement's order."""
        self._told = None
        return await super().all(statement, **parameters)

    async def write(
        self, statement: Statement[tuple[int, Write, RowT]], **parameters: Any
    ) -> list[RowT]:
        """As `all`, of a statement that tells all that it writes, which is not read back then."""
        told = self._told
        rows = await self.all(statement, **parameters)
        if told is not None:
            self._told = told + [(xid, write) for xid, write, _ in rows]
        return [row for _, _, row in rows]

    async def check_rights(self) -> None:
        """Raises if what the transaction rests on does not hold. Called before each COMMIT."""
        await self._check_rights(lock=False)

    async def hold_rights(self) -> None:
        """Checks now instead, for what ends its own session, and locks it until the COMMIT."""
        await self._check_rights(lock=True)

    async def _check_rights(self, *, lock: bool) -> None:
        rights, self._rights = self._rights, None
        if rights is not None:
            await rights.check(self, lock=lock)

    async def written(self) -> list[tuple[int, Write]]:
        """The transaction's id and each of its writes so far; some may stand for several."""
        return await self.all(OWN_WRITES) if self._told is None else self._told


class KeptAliveConnection(asyncpg.Connection):
    """A connection whose socket the kernel watches."""

    def __init__(self, protocol: Any, transport: asyncio.BaseTransport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        keep_alive(transport.get_extra_info("socket"))


async def connect(
    dsn: str,
    *,
    name: str,
    read_only: bool,
    statement_timeout_ms: int,
    connect_seconds: float = CONNECT_SECONDS,
) -> asyncpg.Connection:
    """A new connection; Unavailable if there is none to be had within `connect_seconds`.

    PostgreSQL ends it if this process has vanished: within a minute where it is idle, and sooner in
    a transaction, whose locks others wait for.

    Plans are generic: statements take arrays, so one plan serves every call and is made once.
    Nothing runs in parallel, as pages rely on rows coming in the order of their subquery.
    """
    try:
        return await asyncpg.connect(
            dsn,
            timeout=connect_seconds,  # pyright: ignore[reportArgumentType]
            connection_class=KeptAliveConnection,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            server_settings={
                "application_name": name,
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
                "max_parallel_workers_per_gather": "0",
                "default_transaction_read_only": "on" if read_only else "off",
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": str(statement_timeout_ms + IDLE_MS),
                "tcp_keepalives_idle": str(IDLE_SECONDS),
                "tcp_keepalives_interval": str(INTERVAL_SECONDS),
                "tcp_keepalives_count": str(PROBES),
                "timezone": "UTC",
            },
        )
    except LOST as error:
        raise Unavailable("The database could not be reached.") from error
