"""An operation that takes too long ends, and so does what it has asked PostgreSQL."""

import asyncio

import asyncpg

from app import create_app
from settings import Settings
from tests.api import Api, Clock

WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'weft read' AND wait_event_type = 'Lock'"
)


async def until_none_waits(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(10):
        while True:
            if not await connection.fetchval(WAITING):
                return
            await asyncio.sleep(0.02)


async def test_a_slow_statement_ends_with_its_operation(
    connection: asyncpg.Connection, settings: Settings
) -> None:
    impatient = settings.model_copy(
        update={"operation_timeout_ms": 300, "statement_timeout_ms": 600, "cache": "off"}
    )
    async with Api(create_app(impatient), impatient, connection, Clock(), []) as api:
        text = "{ viewer { id } items { totalCount nodes { id } } }"
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            answer = await api.answer(text)
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
            assert error["path"] == ["items"]
            await until_none_waits(connection)  # though the table is still locked
        finally:
            await transaction.rollback()
        assert (await api.data(text))["items"] == {"totalCount": 0, "nodes": []}
