"""The composition root: the only module that knows every other."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.types import ASGIApp

from db.change_log import open_change_log
from db.connection import Observe
from db.database import Database
from db.revision import check_revision
from resolvers.context import Context, Services, Viewer
from resolvers.session import viewer_of
from schema import build_schema
from settings import Settings
from weft.auth.passwords import Passwords
from weft.auth.sessions import SessionRules
from weft.auth.tokens import AccessTokens
from weft.changes.hub import Hub
from weft.changes.relay import Relay
from weft.telemetry import health
from weft.telemetry.statements import log_slow_statements
from weft.transport.front import Front
from weft.transport.http import GraphQLEndpoint
from weft.transport.websocket import GraphQLSocket

HEALTH_TIMEOUT_SECONDS = 2.0

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class DomainGate:
    """Who asks, and what their operations get."""

    services: Services

    async def viewer(self, authorization: str | None) -> Viewer:
        return await viewer_of(self.services, authorization)

    def context(self, viewer: Viewer, request_id: str) -> Context:
        return Context(self.services, viewer, request_id)


class Server:
    """What lives as long as the process: made here, started and stopped by `lifespan`."""

    def __init__(self, settings: Settings, now: Clock, observe: Observe) -> None:
        """Needs `database_url` and `redis_url`; ValueError says so where one is missing."""
        if settings.database_url is None or settings.redis_url is None:
            raise ValueError("Set DATABASE_URL and REDIS_URL, or start by `weft run`.")
        self.redis = Redis.from_url(settings.redis_url)
        self.database = Database(
            settings.database_url.replace("+asyncpg", "", 1),
            read_connections=settings.read_connections,
            write_connections=settings.write_connections,
            statement_timeout_ms=settings.statement_timeout_ms,
            observe=observe,
        )
        open_log = partial(open_change_log, partial(self.database.connect, "weft changes"))
        self.relay = Relay(
            open_log,
            self.redis,
            settings.redis_prefix,
            poll_ms=settings.changes_poll_ms,
            retention_hours=settings.changes_retention_hours,
        )
        self.hub = Hub(open_log, self.redis, settings.redis_prefix)
        self.passwords = Passwords()
        self.services = Services(
            database=self.database,
            hub=self.hub,
            passwords=self.passwords,
            tokens=_tokens(settings),
            announce_write=self.relay.wake,
            now=now,
            session_rules=SessionRules(
                idle=timedelta(seconds=settings.refresh_token_seconds),
                grace=timedelta(seconds=settings.refresh_grace_seconds),
            ),
        )

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        """Follows and relays changes while the server serves; ends all it opened when it stops."""
        background = [asyncio.create_task(work) for work in (self.relay.run(), self.hub.run())]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self.database.close()
            await self.redis.aclose()
            self.passwords.close()

    async def check_redis(self) -> None:
        """Returns if Redis answers."""
        await self.redis.ping()

    async def check_migrations(self) -> None:
        """Returns if the tables are those that this release knows."""
        async with self.database.write() as transaction:
            await check_revision(transaction)


def create_app(
    settings: Settings, *, now: Clock | None = None, observe: Observe | None = None
) -> ASGIApp:
    """The whole server as one ASGI application.

    `now` is its clock, UTC's unless given; `observe` is told of every statement, slow ones are
    logged unless it is given.
    """
    server = Server(
        settings, now or _utc_now, observe or log_slow_statements(settings.slow_statement_ms)
    )
    development = settings.environment == "development"
    web = FastAPI(
        title="Weft", lifespan=server.lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    checks = {
        "database": server.database.ping,
        "redis": server.check_redis,
        "migrations": server.check_migrations,
    }
    web.include_router(health.router(checks, timeout_seconds=HEALTH_TIMEOUT_SECONDS))
    schema, gate = build_schema(settings.executor), DomainGate(server.services)
    endpoint = GraphQLEndpoint(
        schema,
        gate,
        operation_timeout_ms=settings.operation_timeout_ms,
        body_limit_bytes=settings.body_limit_bytes,
        explorer=development,
    )
    socket = GraphQLSocket(
        schema,
        gate,
        cors_origins=settings.cors_origins,
        operation_timeout_ms=settings.operation_timeout_ms,
    )
    return Front(
        endpoint,
        socket,
        web,
        cors_origins=settings.cors_origins,
        allowed_hosts=settings.allowed_hosts,
        body_limit_bytes=settings.body_limit_bytes,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _tokens(settings: Settings) -> AccessTokens:
    return AccessTokens(
        key_id=settings.secret_key_id,
        secret=settings.secret.get_secret_value(),
        previous={
            key_id: secret.get_secret_value()
            for key_id, secret in settings.secrets_previous.items()
        },
        lifetime=timedelta(seconds=settings.access_token_seconds),
    )
