"""An operation that exceeds its time limit ends, and so does its statement in PostgreSQL."""

import asyncpg

from app import create_app
from settings import Settings
from tests.client import Api, Clock
from tests.waiting import until

NONE_WAITS = """SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'weft read' AND wait_event_type = 'Lock'"""


async def test_slow_statement_ends_with_its_operation(
    connection: asyncpg.Connection, settings: Settings
) -> None:
    impatient = settings.model_copy(
        update={"operation_timeout_ms": 200, "statement_timeout_ms": 2_500, "cache": "off"}
    )
    async with Api(create_app(impatient), impatient, connection, Clock(), []) as api:
        text = "{ items { totalCount nodes { id } } }"
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            answer = await api.answer(text)
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
            assert error["path"] == ["items"]
            await until(lambda: connection.fetchval(NONE_WAITS))  # the table is still locked
        finally:
            await transaction.rollback()

        async def is_answered() -> bool:
            return (await api.answer(text))["data"] == {"items": {"totalCount": 0, "nodes": []}}

        await until(is_answered)  # a slow machine may need several tries, as the limit is short
