"""The whole server with a mail server, and the tokens in its mails."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from redis.asyncio import Redis

from app import create_app
from settings import Settings
from tests.client import Api, Clock
from tests.smtp import Postbox


@asynccontextmanager
async def mailing(
    connection: asyncpg.Connection, settings: Settings, box: Postbox, **changes: Any
) -> AsyncGenerator[Api]:
    """Runs the server with changed settings, after deleting all rate limit counts."""
    assert settings.redis_url is not None
    async with Redis.from_url(settings.redis_url) as redis:
        for key in await redis.keys(f"{settings.redis_prefix}:rates*"):
            await redis.delete(key)
    link = "https://a.test/#{token}"
    urls = {"smtp_url": box.url, "password_reset_url": link, "email_verification_url": link}
    mailing = Settings.model_validate(settings.model_dump() | urls | changes)
    clock, statements = Clock(), list[str]()
    app = create_app(mailing, now=clock, observe=lambda sql, _: statements.append(sql))
    async with Api(app, mailing, connection, clock, statements) as api:
        yield api


async def token_of(box: Postbox) -> str:
    """Waits for the next mail; returns its token."""
    found = re.search(r"https://a\.test/#([\w-]+)", (await box.next()).get_content())
    assert found
    return found[1]


async def told(api: Api, text: str, variables: dict[str, Any], by: Any = None) -> Any:
    """Sends an operation; returns the response and the statements that it ran."""
    api.statements.clear()
    answer = await api.answer(text, variables, by)
    # A newly opened connection runs this statement by itself.
    return answer, [sql for sql in api.statements if "xact_id_1" not in sql]
