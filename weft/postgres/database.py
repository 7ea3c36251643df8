"""The database of one process: reads that join into batches, and write transactions."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, TypeVar

from weft.errors import Unavailable
from weft.loading.apart import ApartDispatcher
from weft.loading.dispatch import Dispatcher
from weft.loading.memory import Memory
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.connection import LOST, Observe, ReadConnection, Rights, WriteTransaction
from weft.postgres.opening import Opened, Opener
from weft.postgres.own_writes import DRAW_ID, Write
from weft.postgres.pool import ServingPool
from weft.postgres.silence import SilenceWatch
from weft.writing.joined import JoinedWrites

ConnectionT = TypeVar("ConnectionT", bound=ReadConnection)


class Fences(Protocol):
    """What keeps cached values from outliving a write."""

    def use_history(self, history: str, /) -> None:
        """The history of the database that a new connection belongs to."""
        ...

    async def raise_before_commit(
        self, history: str | None, tags: Iterable[str], transaction_id: int
    ) -> float:
        """When the transaction may commit: how many seconds after that it may be acknowledged.

        `history` is that of its connection; None if it is not known. Raises Unavailable if it must
        not commit.
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
        touched: Callable[[Write], Iterable[str]] | None = None,
        memory_bytes: int = 0,
        search_connections: int = 2,
        search_timeout_ms: int = 2_000,
        searches_per_client: int = 50,
        limits: AnswerLimits | None = None,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        """`dsn` as libpq takes it; nothing is opened before it is needed.

        `fences` is asked to raise those of all tags that a transaction has `touched`, before its
        COMMIT, and needs it.
        `announce` is called after each COMMIT that wrote to the change log.
        Rows that were read are remembered in about `memory_bytes`, and not read again unchanged.
        A statement that has no answer within `limits` is Unavailable, and ends its connection.
        """
        self._announce = announce
        self._fences = fences
        self._touched = touched
        if fences is not None and touched is None:
            raise ValueError("Fences are raised for the tags that writes touch: give `touched`.")
        self._memory_bytes = memory_bytes
        self._read_connections = read_connections
        self._memory = Memory(memory_bytes)
        self._history: str | None = None
        self._observe = observe
        self._statement_timeout_ms = statement_timeout_ms
        self._limits = limits or AnswerLimits()
        self._opener = Opener(
            dsn, self._limits, self._use_history, is_fenced=self._fences is not None
        )
        self._silence = SilenceWatch(self._limits.look_seconds)
        connect_to_read = partial(self._connect_to_read, "weft read", statement_timeout_ms)
        connect_to_search = partial(self._connect_to_read, "weft search", search_timeout_ms)
        self.reading = self._pool(connect_to_read, read_connections, statement_timeout_ms)
        self.searching = self._pool(connect_to_search, search_connections, search_timeout_ms)
        self.writing = self._pool(self._connect_to_write, write_connections, statement_timeout_ms)
        self.reads = Dispatcher(
            self.reading,
            ReadConnection.take_snapshot,
            ApartDispatcher(
                self.searching,
                ReadConnection.take_snapshot,
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

    async def connect(self, name: str) -> Opened:
        """A connection of one's own that may write; the caller closes it."""
        return await self._opener.open_to_write(name, self._statement_timeout_ms)

    async def _connect_to_read(self, name: str, statement_timeout_ms: int) -> ReadConnection:
        opened = await self._opener.open(name, statement_timeout_ms, read_only=True)
        connection = ReadConnection(opened.raw, self._observe, self._memory)
        connection.history = opened.name
        return connection

    async def _connect_to_write(self) -> WriteTransaction:
        opened = await self.connect("weft write")
        connection = WriteTransaction(opened.raw, self._observe)
        connection.history = opened.name
        return connection

    def _use_history(self, history: str | None) -> None:
        """Tells all that lasts longer than a connection which history a new one belongs to."""
        if history is not None and self._fences is not None:
            self._fences.use_history(history)
        if history is None:  # this connection may be the only one to that database
            self._memory = Memory(self._memory_bytes // self._read_connections)
        elif history != self._history:
            self._memory = Memory(self._memory_bytes)
        self._history = history

    @asynccontextmanager
    async def write(self, rights: Rights | None) -> AsyncGenerator[WriteTransaction]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Its end is an acknowledgement: every read that begins after it sees what was written. Raises
        Unauthenticated or Forbidden, and has written nothing, if `rights` no longer hold just
        before COMMIT. None is for a write that rests on no session, as one that proves a password.
        """
        async with self._transaction(rights) as transaction:
            yield transaction
        # The connection has not been lent again yet.
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
                connection.wait_seconds = await self._raise_fences(connection.history, written)
                await connection.check_rights()
                await connection.execute("COMMIT")
            except LOST as error:
                connection.terminate()
                raise Unavailable("Whether this was written is unknown: read it.") from error
            except BaseException:
                await self._roll_back(connection)
                raise
            # Before anything is awaited: a cancellation must not keep it from being announced.
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

    async def _raise_fences(self, history: str | None, written: list[tuple[int, Write]]) -> float:
        if self._fences is None or self._touched is None:
            return 0
        tags = {tag for _, write in written for tag in self._touched(write)}
        if not tags:
            return 0
        return await self._fences.raise_before_commit(history, tags, written[0][0])

    async def draw_id(self, history: str) -> int:
        """A new transaction id, higher than all that were drawn earlier.

        Unavailable if the database has another history than this one.
        """
        async with self.writing.lend() as connection:
            if connection.history != history:
                raise Unavailable("The database has another history now.")
            (drawn,) = await connection.all(DRAW_ID)
            return drawn

    async def close(self) -> None:
        """Ends every connection that is not in use."""
        await self.reads.close()
        await self.joined.close()
        await self.writing.close()
