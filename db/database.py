"""The database of one process: reads that join into batches, and write transactions."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

import asyncpg

from db.connection import LOST, Observe, ReadConnection, WriteTransaction, connect
from db.tag import touched_by_all
from db.written import DATABASE_NAME, DRAW_ID, PING
from weft.errors import Unavailable
from weft.loading.apart import ApartDispatcher
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher
from weft.loading.memory import Memory
from weft.writing.joined import JoinedWrites


class Fences(Protocol):
    """What keeps cached values from outliving a write."""

    def use_database(self, name: str) -> None:
        """Which history of transaction ids those of writes belong to."""
        ...

    async def raise_before_commit(self, tags: Iterable[str], transaction_id: int) -> float:
        """When the transaction may commit: how many seconds after that it may be acknowledged.

        Raises Unavailable if it must not commit.
        """
        ...


class Database:
    """Three sets of held connections: reading ones, shared by batches, searching and writing ones.

    Reading and writing connections are of different types, so that what only reads cannot write.
    What reads further than a page does so on searching ones, with a time limit of their own.
    """

    def __init__(
        self,
        dsn: str,
        *,
        read_connections: int,
        write_connections: int,
        statement_timeout_ms: int,
        observe: Observe,
        fences: Fences | None = None,
        memory_bytes: int = 0,
        search_connections: int = 2,
        search_timeout_ms: int = 2_000,
        searches_per_client: int = 50,
    ) -> None:
        """`dsn` as libpq takes it; nothing is opened before it is needed.

        `fences` is asked to raise those of all tags that a transaction touches, before its COMMIT.
        Rows that were read are remembered in about `memory_bytes`, and not read again unchanged.
        """
        self._fences = fences
        self._memory_bytes = memory_bytes
        self._read_connections = read_connections
        self._memory = Memory(memory_bytes)
        self._name: str | None = None
        self._dsn = dsn
        self._observe = observe
        self._statement_timeout_ms = statement_timeout_ms
        connect_to_read = partial(self._connect_to_read, "weft read", statement_timeout_ms)
        connect_to_search = partial(self._connect_to_read, "weft search", search_timeout_ms)
        self.reads = Dispatcher(
            HeldConnections(connect_to_read, read_connections),
            ReadConnection.take_xmin,
            ApartDispatcher(
                HeldConnections(connect_to_search, search_connections),
                ReadConnection.take_xmin,
                most_waiting=searches_per_client,
                timeout_ms=search_timeout_ms,
            ),
        )
        self._writers = HeldConnections(self._connect_to_write, write_connections)
        self._own = HeldConnections(connect_to_read, 1)
        self.joined = JoinedWrites(self._transaction)

    async def connect(self, name: str) -> asyncpg.Connection:
        """A connection of one's own, for what listens or leads; the caller closes it."""
        return await connect(
            self._dsn,
            name=name,
            read_only=False,
            statement_timeout_ms=self._statement_timeout_ms,
        )

    async def _connect_to_read(self, name: str, statement_timeout_ms: int) -> ReadConnection:
        raw = await connect(
            self._dsn, name=name, read_only=True, statement_timeout_ms=statement_timeout_ms
        )
        connection = ReadConnection(raw, self._observe)
        await self._use_database(connection)
        connection.memory = self._memory
        return connection

    async def _connect_to_write(self) -> WriteTransaction:
        connection = WriteTransaction(await self.connect("weft write"), self._observe)
        await self._use_database(connection)
        return connection

    async def _use_database(self, connection: ReadConnection) -> None:
        """Tells all that lasts longer than a connection which database it is to.

        It may be another than before, in which old transaction ids mean other transactions.
        """
        try:
            name = await _name_of_database(connection.raw)
            if name is not None and self._fences is not None:
                self._fences.use_database(name)
        except BaseException:
            # Nobody else knows of the connection yet.
            connection.raw.terminate()
            raise
        if name is None:  # this connection may be the only one to that database
            self._memory = Memory(self._memory_bytes // self._read_connections)
        elif name != self._name:
            self._memory = Memory(self._memory_bytes)
        self._name = name

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[WriteTransaction]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Its end is an acknowledgement: whoever reads from then on sees what was written.
        """
        async with self._transaction() as transaction:
            yield transaction
        # Nobody else can have got the connection yet.
        if transaction.wait_seconds:
            await asyncio.sleep(transaction.wait_seconds)

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[WriteTransaction]:
        """As `write`, but for `wait_seconds` after its end it must not be acknowledged."""
        async with self._writers.lend() as connection:
            connection.begin()
            try:
                await connection.raw.execute("BEGIN")
            except LOST as error:
                connection.raw.terminate()
                raise Unavailable("The database could not be reached.") from error
            except BaseException:
                await _roll_back(connection)
                raise
            try:
                yield connection
                connection.wait_seconds = await self._raise_fences(connection)
                await connection.raw.execute("COMMIT")
            except LOST as error:
                connection.raw.terminate()
                raise Unavailable("Whether this was written is unknown: read it.") from error
            except BaseException:
                await _roll_back(connection)
                raise

    async def _raise_fences(self, connection: WriteTransaction) -> float:
        if self._fences is None:
            return 0
        written = await connection.written()
        tags = touched_by_all(write for _, write in written)
        return await self._fences.raise_before_commit(tags, written[0][0]) if tags else 0

    async def draw_id(self) -> int:
        """A transaction id that nobody had before; higher than all that were drawn earlier."""
        async with self._writers.lend() as connection:
            (drawn,) = await connection.all(DRAW_ID)
            return drawn

    def look(self) -> AbstractAsyncContextManager[ReadConnection]:
        """The one connection by which the server looks after itself; no operation waits for it."""
        return self._own.lend()

    async def ping(self) -> None:
        """Returns if the database answers; Unavailable if not."""
        async with self.look() as connection:
            await connection.all(PING)

    async def close(self) -> None:
        """Ends every connection that is not in use."""
        await self.reads.close()
        await self.joined.close()
        await self._writers.close()
        await self._own.close()


async def _name_of_database(raw: asyncpg.Connection) -> str | None:
    """None if one who connects as we do may not know it."""
    # It is no statement of anybody's operation.
    connection = ReadConnection(raw, lambda _sql, _seconds: None)
    try:
        return await connection.first(DATABASE_NAME)
    except asyncpg.InsufficientPrivilegeError:
        return None


async def _roll_back(connection: WriteTransaction) -> None:
    # A connection whose state is unknown must not be lent again.
    try:
        await connection.raw.execute("ROLLBACK")
    except LOST:
        connection.raw.terminate()
    except BaseException:
        connection.raw.terminate()
        raise
