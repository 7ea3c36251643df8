"""A silent network: PostgreSQL neither answers nor ends the connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from structlog.testing import capture_logs

from db.accounts.user import UPDATE_USER
from tests.forwarder import Forwarder, Way, forwarding, postgresql_socket, through
from tests.waiting import PATIENCE_SECONDS, soon, until
from weft.errors import Unavailable
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.connection import ReadConnection, WriteTransaction
from weft.postgres.database import Database
from weft.postgres.own_writes import PING
from weft.postgres.revision import is_at_head

LIMITS = AnswerLimits(
    connect_seconds=1.0, grace_seconds=0.5, rollback_seconds=0.5, look_seconds=0.05
)
UPDATE = "New"
"""The UPDATE is prepared, so the value that it writes marks it on the wire."""

COMMANDS = ["BEGIN", UPDATE, "COMMIT", "ROLLBACK"]


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Forwarder]:
    async with forwarding(postgresql_socket(database_url)) as forwarder:
        yield forwarder


@pytest.fixture
async def database(
    connection: asyncpg.Connection, database_url: str, network: Forwarder
) -> AsyncIterator[Database]:
    await connection.execute("INSERT INTO users (name, email) VALUES ('A', 'a@b.c')")
    database = Database(
        through(network, database_url),
        read_connections=1,
        write_connections=1,
        statement_timeout_ms=1_000,
        observe=lambda sql, seconds: None,
        limits=LIMITS,
    )
    yield database
    await soon(database.close())


async def ping(connection: ReadConnection, keys: Sequence[int]) -> Sequence[int]:
    for _ in keys:
        await connection.all(PING)
    return keys


async def read(database: Database) -> None:
    await soon(database.reads.submit(ping, [1]))


async def rename(transaction: WriteTransaction, name: str) -> None:
    await transaction.first(UPDATE_USER, key=1, new_name=name, new_email=None)


async def write(database: Database, name: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), database.write(None) as transaction:
        await rename(transaction, name)


async def fail_to_write(database: Database) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), database.write(None) as transaction:
        await rename(transaction, "Lost")
        raise KeyError


async def is_served(database: Database, name: str) -> bool:
    """Returns whether a read and a write succeed; on a busy machine they may exceed the limits."""
    try:
        await read(database)
        await write(database, name)
    except Unavailable:
        return False
    return True


async def name(connection: asyncpg.Connection) -> str | None:
    return await connection.fetchval("SELECT name FROM users WHERE id = 1")


class TestReads:
    async def test_reads_are_unavailable_in_the_silence_and_served_after_it(
        self, database: Database, network: Forwarder
    ) -> None:
        await until(lambda: is_served(database, "Before"))
        network.silence()
        for _ in range(2):  # on the existing connection, and on a new one
            with pytest.raises(Unavailable):
                await read(database)
        await network.mend()
        await until(lambda: is_served(database, "After"))

    async def test_read_ends_when_the_network_goes_silent_within_an_answer(
        self, database: Database, network: Forwarder
    ) -> None:
        await until(lambda: is_served(database, "Before"))
        network.to_client = Way(bytes_left=5)
        with pytest.raises(Unavailable):
            await read(database)
        await network.mend()
        await until(lambda: is_served(database, "After"))

    async def test_read_in_the_silence_ends_the_idle_connections_too(
        self, database: Database, network: Forwarder
    ) -> None:
        await until(lambda: is_served(database, "Before"))
        network.silence()
        with capture_logs() as logs, pytest.raises(Unavailable):
            await read(database)
        (told,) = (entry for entry in logs if entry["event"] == "database_silent")
        assert (told["statements"], told["connections"]) == (1, 2)  # the writing one too


class TestTransactions:
    @pytest.mark.parametrize("is_sent", [False, True], ids=["lost", "sent"])
    @pytest.mark.parametrize("command", COMMANDS)
    async def test_transaction_ends_whatever_command_is_not_answered(
        self,
        command: str,
        is_sent: bool,
        database: Database,
        network: Forwarder,
        connection: asyncpg.Connection,
    ) -> None:
        await until(lambda: is_served(database, "Before"))
        network.to_server = Way(needle=command.encode(), is_needle_sent=is_sent)
        if command == "ROLLBACK":
            with pytest.raises(KeyError):
                await fail_to_write(database)
        else:
            with pytest.raises(Unavailable) as error:
                await write(database, "New")
            assert ("unknown" in str(error.value)) == (command == "COMMIT")
        assert network.is_silent
        is_committed = command == "COMMIT" and is_sent
        assert await name(connection) == ("New" if is_committed else "Before")

    async def test_transaction_ends_when_it_is_cancelled_in_the_silence(
        self, database: Database, network: Forwarder
    ) -> None:
        await until(lambda: is_served(database, "Before"))
        network.to_server = Way(needle=UPDATE.encode())
        writing = asyncio.create_task(write(database, "New"))
        await until(lambda: network.is_silent)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(writing)
        await network.mend()
        await until(lambda: is_served(database, "After"))

    async def test_postgresql_ends_transactions_that_the_client_has_left(
        self, database: Database
    ) -> None:
        async with database.write(None) as transaction:
            shown = await transaction.raw.fetchval("SHOW idle_in_transaction_session_timeout")
            assert shown == "6s"


class TestRevision:
    async def test_revision_check_ends_in_the_silence(
        self, database_url: str, network: Forwarder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.postgres.revision.ANSWER_SECONDS", 0.5)
        network.to_server = Way(needle=b"alembic_version")
        with pytest.raises(Unavailable):
            await soon(is_at_head(through(network, database_url)))


class TestWaiting:
    async def test_waiting_ends_for_all_when_no_connection_can_be_opened(
        self, database: Database, network: Forwarder
    ) -> None:
        network.silence()
        writing = [write(database, "New") for _ in range(50)]
        outcomes = await soon(asyncio.gather(*writing, return_exceptions=True))
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 50
        assert network.accepted == 1


class TestWatch:
    async def test_watch_ends_no_connection_that_is_answered_by_the_second_look(
        self, database: Database, connection: asyncpg.Connection
    ) -> None:
        """A process that was suspended reads its answers late, and they count."""
        async with database.writing.lend() as writing:
            pid = writing.raw.get_server_pid()
            writing.under_way_since = 0.0  # overdue at the first look
            await asyncio.sleep(0)
            watch = database._silence  # pyright: ignore[reportPrivateUsage]
            watch._look()  # pyright: ignore[reportPrivateUsage]
            writing.under_way_since = None
            watch._look()  # pyright: ignore[reportPrivateUsage]
            assert not writing.is_closed
        async with database.writing.lend() as writing:
            assert writing.raw.get_server_pid() == pid

    async def test_watch_stops_when_no_connections_are_left(self, database: Database) -> None:
        await until(lambda: is_served(database, "Before"))
        await database.close()
        watch = database._silence  # pyright: ignore[reportPrivateUsage]
        await until(lambda: watch._timer is None)  # pyright: ignore[reportPrivateUsage]
