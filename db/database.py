"""The database of one process: reads that join into batches, and write transactions."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, TypeVar

import asyncpg

from db.connection import LOST, Observe, ReadConnection, WriteTransaction, connect
from db.limits import AnswerLimits
from db.pool import ServingPool
from db.rights import Rights
from db.silence import SilenceWatch
from db.tag import touched_by_all
from db.written import DATABASE_NAME, DRAW_ID, Write
from weft.errors import Unavailable
from weft.loading.apart import ApartDispatcher
from weft.loading.dispatch import Dispatcher
from weft.loading.memory import Memory
from weft.writing.joined import JoinedWrites

ConnectionT = TypeVar("ConnectionT", bound=ReadConnection)


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
        limits: AnswerLimits | None = None,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        """`dsn` as libpq takes it; nothing is opened before it is needed.

        `fences` is asked to raise those of all tags that a transaction touches, before its COMMIT.
        `announce` is called after each COMMIT that wrote to the change log.
        Rows that were read are remembered in about `memory_bytes`, and not read again unchanged.
        A statement that has no answer within `limits` is Unavailable, and ends its connection.
        """
        self._announce = announce
        self._fences = fences
        self._memory_bytes = memory_bytes
        self._read_connections = read_connections
        self._memory = Memory(memory_bytes)
        self._name: str | None = None
        self._dsn = dsn
        self._observe = observe
        self._statement_timeout_ms = statement_timeout_ms
        self._limits = limits or AnswerLimits()
        self._silence = SilenceWatch(self._limits.look_seconds)
        connect_to_read = partial(self._connect_to_read, "weft read", statement_timeout_ms)
        connect_to_search = partial(self._connect_to_read, "weft search", search_timeout_ms)
        self.reading = self._pool(connect_to_read, read_connections, statement_timeout_ms)
        self.searching = self._pool(connect_to_search, search_connections, search_timeout_ms)
        self.writing = self._pool(self._connect_to_write, write_connections, statement_timeout_ms)
        self.reads = Dispatcher(
            self.reading,
            ReadConnection.take_xmin,
            ApartDispatcher(
                self.searching,
                ReadConnection.take_xmin,
                most_waiting=searches_per_client,
                timeout_ms=search_timeout_ms,
            ),
        )
        self.joined = JoinedWrites(self._transaction)

    def _pool(
        self, connect: Callable[[], Awaitable[ConnectionT]], count: int, statement_timeout_ms: int
    ) -> ServingPool[ConnectionT]:
        return ServingPool(connect, count, self._silence, self._limits, statement_timeout_ms)

    @property
    def answer_ms(self) -> int:
        """How long a statement may be without an answer, on connections of one's own too."""
        return round(self._limits.answer_seconds(self._statement_timeout_ms) * 1000)

    async def connect(self, name: str) -> asyncpg.Connection:
        """A connection of one's own, for what listens or leads; the caller closes it."""
        return await connect(
            self._dsn,
            name=name,
            read_only=False,
            statement_timeout_ms=self._statement_timeout_ms,
            connect_seconds=self._limits.connect_seconds,
        )

    async def _connect_to_read(self, name: str, statement_timeout_ms: int) -> ReadConnection:
        raw = await connect(
            self._dsn,
            name=name,
            read_only=True,
            statement_timeout_ms=statement_timeout_ms,
            connect_seconds=self._limits.connect_seconds,
        )
        connection = ReadConnection(raw, self._observe)
        await self._begin_to_use(connection)
        connection.memory = self._memory
        return connection

    async def _connect_to_write(self) -> WriteTransaction:
        connection = WriteTransaction(await self.connect("weft write"), self._observe)
        await self._begin_to_use(connection)
        return connection

    async def _begin_to_use(self, connection: ReadConnection) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                await self._use_database(connection)
        except TimeoutError as error:
            raise Unavailable("The database could not be reached.") from error

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
    async def write(self, rights: Rights | None) -> AsyncGenerator[WriteTransaction]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Its end is an acknowledgement: whoever reads from then on sees what was written. It raises
        Unauthenticated or Forbidden, and has written nothing, if `rights` do not hold any more just
        before COMMIT. None is for what rests on no session, such as a password that it proves.
        """
        async with self._transaction(rights) as transaction:
            yield transaction
        # Nobody else can have got the connection yet.
        if transaction.wait_seconds:
            await asyncio.sleep(transaction.wait_seconds)

    @asynccontextmanager
    async def _transaction(self, rights: Rights | None = None) -> AsyncGenerator[WriteTransaction]:
        """As `write`, but for `wait_seconds` after its end it must not be acknowledged."""
        async with self.writing.lend() as connection:
            connection.begin(rights)
            try:
                await connection.execute("BEGIN")
            except LOST as error:
                connection.terminate()
                raise Unavailable("The database could not be reached.") from error
            except BaseException:
                await self._roll_back(connection)
                raise
            try:
                yield connection
                written = await connection.written()
                connection.wait_seconds = await self._raise_fences(written)
                await connection.check_rights()
                await connection.execute("COMMIT")
            except LOST as error:
                connection.terminate()
                raise Unavailable("Whether this was written is unknown: read it.") from error
            except BaseException:
                await self._roll_back(connection)
                raise
        if written:
            self._announce()

    async def _roll_back(self, connection: WriteTransaction) -> None:
        """Ends the transaction; the connection as well if that is not done at once.

        One whose state is unknown must not be lent again.
        """
        try:
            async with asyncio.timeout(self._limits.rollback_seconds):
                await connection.execute("ROLLBACK")
        except LOST:
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise

    async def _raise_fences(self, written: list[tuple[int, Write]]) -> float:
        if self._fences is None:
            return 0
        tags = touched_by_all(write for _, write in written)
        return await self._fences.raise_before_commit(tags, written[0][0]) if tags else 0

    async def draw_id(self) -> int:
        """A transaction id that nobody had before; higher than all that were drawn earlier."""
        async with self.writing.lend() as connection:
            (drawn,) = await connection.all(DRAW_ID)
            return drawn

    async def close(self) -> None:
        """Ends every connection that is not in use."""
        await self.reads.close()
        await self.joined.close()
        await self.writing.close()


async def _name_of_database(raw: asyncpg.Connection) -> str | None:
    """None if one who connects as we do may not know it."""
    # It is no statement of anybody's operation.
    connection = ReadConnection(raw, lambda _sql, _seconds: None)
    try:
        return await connection.first(DATABASE_NAME)
    except asyncpg.InsufficientPrivilegeError:
        return None
