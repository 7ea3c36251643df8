"""The composition root: the only module that knows every other."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from db.recorded import CHANGE_SIDES, touched
from resolvers.accounts.email_verification_mail import VERIFY
from resolvers.accounts.gate import DomainGate
from resolvers.accounts.mailed_token import development_link
from resolvers.accounts.password_reset import RESET
from resolvers.accounts.session_watch import SessionWatch
from resolvers.context import AccountRules, MailedTokens, Services
from schema import build_schema
from settings import Settings
from weft.auth.passwords import Passwords
from weft.auth.tokens import AccessTokens
from weft.cache.cache import Cache
from weft.cache.fences import WriteFences
from weft.cache.filler import Filler
from weft.cache.lease import FenceRelay
from weft.cache.store import RedisStore
from weft.cancellation import cancellable
from weft.changes.cursor import Cursors
from weft.changes.hub import Hub
from weft.changes.relay import Relay
from weft.documents.documents import Documents
from weft.documents.shared import SharedDocuments
from weft.errors import Unavailable
from weft.explanation import observed_at_work
from weft.mail.delivery import delivery
from weft.mail.outbox import Outbox
from weft.postgres.change_log import open_change_log
from weft.postgres.connection import Observe
from weft.postgres.database import Database
from weft.postgres.document_table import document_by_id
from weft.postgres.health import DatabaseHealth
from weft.rates.attempts import Attempts
from weft.rates.budget import CostBudget, charge_address
from weft.rates.windows import Windows
from weft.shared_redis import close_redis, shared_redis
from weft.shutdown import Shutdown
from weft.telemetry import health
from weft.telemetry.statements import log_slow_statements
from weft.transport.browser_page import BrowserPage
from weft.transport.concurrency import InFlight
from weft.transport.cookies import CookieSessions
from weft.transport.front import Front
from weft.transport.http import GraphQLEndpoint
from weft.transport.service import LiveService
from weft.transport.websocket import GraphQLSocket

BUILT_PAGES = Path(__file__).parent / "web" / "dist"

Clock = Callable[[], datetime]
Abandon = Callable[[], None]


class Process:
    """Everything that lives as long as the process; `lifespan` starts and stops it."""

    def __init__(
        self, settings: Settings, now: Clock, observe: Observe, abandon: Abandon = lambda: None
    ) -> None:
        """Raises ValueError if `database_url` or `redis_url` is not set."""
        if settings.database_url is None or settings.redis_url is None:
            raise ValueError("Set DATABASE_URL and REDIS_URL, or start by `weft run`.")
        self._shutdown_seconds = settings.shutdown_seconds
        self._abandon = abandon
        self.redis = shared_redis(settings.redis_url)
        self.cache_store: RedisStore | None = None
        fences: WriteFences | None = None
        if settings.cache != "off":
            self.cache_store = RedisStore(settings.redis_url, settings.redis_prefix)
            fences = WriteFences(self.cache_store, settings.cache, self._use_history)
        self.database = Database(
            settings.database_url.replace("+asyncpg", "", 1),
            read_connections=settings.read_connections,
            write_connections=settings.write_connections,
            statement_timeout_ms=settings.statement_timeout_ms,
            observe=observe,
            fences=fences,
            touched=touched,
            memory_bytes=settings.row_memory_bytes,
            search_connections=settings.search_connections,
            search_timeout_ms=settings.search_timeout_ms,
            searches_per_client=settings.searches_per_client,
            announce=lambda: self.relay.wake(),
        )
        self.database_health = DatabaseHealth(self.database)
        self.filler: Filler | None = None
        self.cache: Cache | None = None
        fence_relay: FenceRelay | None = None
        if self.cache_store is not None:
            self.filler = Filler(self.cache_store, self.database.draw_id)
            strict = settings.environment == "test"
            memory = settings.cache_memory_bytes
            self.cache = Cache(self.cache_store, self.filler, strict=strict, memory_bytes=memory)
            fence_relay = FenceRelay(self.cache_store, self.database.draw_id, touched)
        # Shows in pg_stat_activity which process is the leader.
        connect = partial(self.database.connect, f"weft changes {os.getpid()}")
        answer_ms = self.database.answer_ms
        open_log = partial(open_change_log, connect, answer_ms, sides=CHANGE_SIDES)
        self.relay = Relay(
            open_log,
            self.redis,
            settings.redis_prefix,
            poll_ms=settings.changes_poll_ms,
            retention_hours=settings.changes_retention_hours,
            fences=fence_relay,
        )
        self.hub = Hub(open_log, self.redis, settings.redis_prefix)
        self.sessions = SessionWatch(self.hub)
        self.passwords = Passwords()
        windows = Windows(self.redis, settings.redis_prefix)
        development = settings.environment == "development"
        self.outbox = Outbox(delivery(settings.smtp, settings.mail_from, development=development))
        link = partial(development_link, settings.public_url if development else None)
        self.budget = CostBudget(windows, settings.cost_per_minute)
        self.services = Services(
            database=self.database,
            hub=self.hub,
            cursors=Cursors(settings.secret.get_secret_value(), settings.previous_secrets.values()),
            passwords=self.passwords,
            tokens=_tokens(settings),
            now=now,
            session_rules=settings.session_rules,
            cache=self.cache,
            attempts=Attempts(windows, settings.attempts),
            budget=self.budget,
            post_mail=self.outbox.post,
            password_resets=MailedTokens(
                timedelta(seconds=settings.password_reset_seconds),
                settings.password_reset_url or link(RESET),
            ),
            email_verifications=MailedTokens(
                timedelta(seconds=settings.email_verification_seconds),
                settings.email_verification_url or link(VERIFY),
            ),
            account_rules=AccountRules(
                settings.sign_up == "verified", settings.unverified_accounts == "read"
            ),
        )

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        """Runs the background tasks while the server serves; closes everything when it stops."""
        runners = self.relay, self.hub, self.sessions, self.budget, self.outbox
        if self.cache_store is not None:
            with suppress(Unavailable):
                await self.database.reading.check()  # opening a connection reads the history
        tasks = [asyncio.create_task(one.run(), name=type(one).__name__) for one in runners]
        try:
            yield
        finally:
            shutdown = Shutdown(self._shutdown_seconds)
            await shutdown.cancel(tasks)
            if self.filler is not None and self.cache_store is not None:
                await shutdown.close("Filler", self.filler.aclose())
                await shutdown.close("RedisStore", self.cache_store.aclose())
            await shutdown.close("Database", self.database.close())
            await shutdown.close("Redis", close_redis(self.redis))
            self.passwords.close()
            if shutdown.unfinished:
                self._abandon()

    def _use_history(self, history: str) -> None:
        if self.cache is not None:
            self.cache.use_history(history)

    async def registered_document(self, id_: str) -> str | None:
        """Returns the text registered under an id; None if there is none."""
        (text,) = await self.database.reads.submit(document_by_id, [id_])
        return text

    async def check_redis(self) -> None:
        """Pings Redis; raises if it does not answer."""
        await cancellable(self.redis.ping())

    async def relay_leads(self) -> bool:
        """Whether this process is the leader, whose relay gives changes their positions."""
        return self.relay.leads


def create_app(
    settings: Settings,
    *,
    now: Clock | None = None,
    observe: Observe | None = None,
    on_loopback: bool = False,
    abandon: Abandon = lambda: None,
) -> ASGIApp:
    """Builds the whole server as one ASGI application.

    `now` is its clock, by default the current time in UTC. `observe` is called with every
    statement; by default slow statements are logged. `on_loopback` promises that no other machine
    can reach the server; without it, development secrets raise ValueError in every environment.
    `abandon` is called after shutdown if a task or connection did not end in time.
    """
    settings.check_secrets(development=on_loopback)
    server = Process(
        settings,
        now or partial(datetime.now, UTC),
        observed_at_work(observe or log_slow_statements(settings.slow_statement_ms)),
        abandon,
    )
    web = FastAPI(
        title="Weft", lifespan=server.lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    checks = {**server.database_health.checks, "changes": server.hub.started}
    lesser = {"searching": server.database_health.check_searching, "redis": server.check_redis}
    details = {
        "relay_leads": server.relay_leads,
        "relay_lag_seconds": server.database_health.relay_lag_seconds,
    }
    web.include_router(health.router(checks, details, lesser))
    charge = partial(charge_address, server.budget)
    schema = build_schema(
        settings.executor, limits=settings.limits, tell_cost=settings.cost_in_answers
    )
    production = settings.environment == "production"
    introspection = settings.introspection or ("admins" if production else "all")
    explain = settings.explain or ("none" if production else "all")
    gate = DomainGate(server.services, server.sessions, introspection, explain)
    shows_pages = not production if settings.pages is None else settings.pages
    in_flight = InFlight(settings.operations_at_once)
    documents = Documents(
        schema.engine.is_valid,
        SharedDocuments(server.redis, settings.redis_prefix, settings.documents_shared),
        server.registered_document,
        trusted_only=settings.documents == "trusted",
        charge=charge,
    )
    live = LiveService(
        schema,
        gate,
        operation_timeout_ms=settings.operation_timeout_ms,
        limits=settings.socket_limits,
        in_flight=in_flight,
        documents=documents,
        budget=server.budget,
        answer_limit_bytes=settings.answer_limit_bytes,
        clock=server.services.now,
    )
    endpoint = GraphQLEndpoint(
        schema,
        gate,
        operation_timeout_ms=settings.operation_timeout_ms,
        body_limit_bytes=settings.body_limit_bytes,
        page=_graphiql(web) if shows_pages else None,
        live=live,
        in_flight=in_flight,
        documents=documents,
        max_age_seconds=settings.document_max_age_seconds,
        budget=server.budget,
        answer_limit_bytes=settings.answer_limit_bytes,
    )
    socket = GraphQLSocket(live, cors_origins=settings.cors_origins)
    front = Front(
        CookieSessions(endpoint) if settings.session_cookies else endpoint,
        CookieSessions(socket) if settings.session_cookies else socket,
        web,
        cors_origins=settings.cors_origins,
        credentials=settings.session_cookies,
        allowed_hosts=settings.allowed_hosts,
        body_limit_bytes=settings.body_limit_bytes,
        charge=charge,
    )
    if not settings.trusted_proxies:
        return front
    proxied: Any = ProxyHeadersMiddleware(cast(Any, front), settings.trusted_proxies)
    return proxied


def _graphiql(web: FastAPI) -> BrowserPage:
    """Returns the GraphiQL page of `/graphql`; adds its files and the `/live` page to `web`."""
    graphiql = BrowserPage(BUILT_PAGES / "graphiql", inline_styles=True)
    web.router.routes += graphiql.routes()
    web.router.routes += BrowserPage(BUILT_PAGES / "live").routes("/live")
    return graphiql


def _tokens(settings: Settings) -> AccessTokens:
    return AccessTokens(
        key_id=settings.secret_key_id,
        secret=settings.secret.get_secret_value(),
        previous=settings.previous_secrets,
        lifetime=timedelta(seconds=settings.access_token_seconds),
    )
