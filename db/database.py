"""The database of one process: reads that join into batches, and write transactions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from db.connection import LOST, Observe, ReadConnection, WriteTransaction, connect
from weft.errors import Unavailable
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher


class Database:
    """Two sets of held connections: reading ones, shared by batches, and writing ones.

    Reading and writing connections are of different types, so that what only reads cannot write.
    """

    def __init__(
        self,
        dsn: str,
        *,
        read_connections: int,
        write_connections: int,
        statement_timeout_ms: int,
        observe: Observe,
    ) -> None:
        """`dsn` as libpq takes it; nothing is opened before it is needed."""
        self._dsn = dsn
        self._observe = observe
        self._statement_timeout_ms = statement_timeout_ms
        self.reads = Dispatcher(HeldConnections(self._connect_to_read, read_connections))
        self._writers = HeldConnections(self._connect_to_write, write_connections)

    async def connect(self, name: str) -> asyncpg.Connection:
        """A connection of one's own, for what listens or leads; the caller closes it."""
        return await connect(
            self._dsn,
            name=name,
            read_only=False,
            statement_timeout_ms=self._statement_timeout_ms,
        )

    async def _connect_to_read(self) -> ReadConnection:
        return ReadConnection(
            await connect(
                self._dsn,
                name="weft read",
                read_only=True,
                statement_timeout_ms=self._statement_timeout_ms,
            ),
            self._observe,
        )

    async def _connect_to_write(self) -> WriteTransaction:
        return WriteTransaction(await self.connect("weft write"), self._observe)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[WriteTransaction]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        async with self._writers.lend() as connection:
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
                await connection.raw.execute("COMMIT")
            except LOST as error:
                connection.raw.terminate()
                raise Unavailable("Whether this was written is unknown: read it.") from error
            except BaseException:
                await _roll_back(connection)
                raise

    async def ping(self) -> None:
        """Returns if the database answers; Unavailable if not."""
        async with self._writers.lend() as connection:
            try:
                await connection.raw.execute("SELECT 1")
            except LOST as error:
                raise Unavailable("The database could not be reached.") from error

    async def close(self) -> None:
        """Ends every connection that is not in use."""
        await self.reads.close()
        await self._writers.close()


async def _roll_back(connection: WriteTransaction) -> None:
    # A connection whose state is unknown must not be lent again.
    try:
        await connection.raw.execute("ROLLBACK")
    except LOST:
        connection.raw.terminate()
    except BaseException:
        connection.raw.terminate()
        raise
