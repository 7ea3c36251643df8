import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pwdlib.hashers.argon2 import Argon2Hasher
from redis.asyncio import Redis

from resolvers.accounts import session as resolve
from resolvers.accounts.session import IssuedSession, SessionPayload, SignIn, SignUp
from resolvers.context import STRANGER, Context, Info, Services, Viewer
from weft.auth.passwords import Passwords
from weft.auth.sessions import SessionRules
from weft.auth.tokens import AccessTokens
from weft.changes.cursor import Cursors
from weft.changes.hub import Hub
from weft.postgres.database import Database

PASSWORD = "correct horse battery"
_NUMBERS = itertools.count()


class CountingHasher(Argon2Hasher):
    """Argon2id at low cost; counts its verifications."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.verifications = 0

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.verifications += 1
        return super().verify(password, hash)


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class World:
    """The services, and shortcuts for what tests often do with them."""

    services: Services
    clock: Clock
    hasher: CountingHasher
    announced: list[None] = field(default_factory=list[None])

    def info(self, viewer: Viewer = STRANGER) -> Info:
        return Info(Context(self.services, viewer, "request"), "Mutation.any")

    async def viewer_of(self, session: IssuedSession) -> Viewer:
        return await resolve.viewer_of(self.services, f"Bearer {session.access_token}")

    async def sign_up(self, **given: str) -> SessionPayload:
        input = SignUp(**{"name": "Ada", "email": new_email(), "password": PASSWORD, **given})
        return await resolve.sign_up(self.info(), input)

    async def sign_in(self, email: str, password: str = PASSWORD) -> SessionPayload:
        return await resolve.sign_in(self.info(), SignIn(email, password))

    async def refresh(self, refresh_token: str) -> SessionPayload:
        return await resolve.refresh_session(self.info(), resolve.RefreshSession(refresh_token))

    async def fetch(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.services.database.write(None) as transaction:
            return [tuple(row) for row in await transaction.raw.fetch(sql, *arguments)]

    async def close(self) -> None:
        await self.services.database.close()
        self.services.passwords.close()


def issued(payload: SessionPayload) -> IssuedSession:
    """Returns the session of a payload, which must have one."""
    assert payload.errors == []
    assert payload.session is not None
    return payload.session


def new_email() -> str:
    """Returns an address that no user has."""
    return f"ada.{next(_NUMBERS)}.{datetime.now(UTC).timestamp()}@weft.test"


def new_world(database_url: str, **changes: Any) -> World:
    """Makes a world with its own services on the database; `changes` are fields of `Services`."""
    clock, hasher = Clock(), CountingHasher()
    announced: list[None] = []
    redis = Redis(host="unused.test")

    async def no_log() -> Any:
        raise NotImplementedError

    services = Services(
        database=Database(
            database_url,
            read_connections=2,
            write_connections=10,
            statement_timeout_ms=60_000,
            observe=lambda sql, seconds: None,
            announce=lambda: announced.append(None),
        ),
        hub=Hub(no_log, redis, "unused"),
        cursors=Cursors("unused"),
        passwords=Passwords(hasher),
        tokens=AccessTokens(key_id="one", secret="a secret for tests, of 32 bytes or more"),
        now=clock,
        session_rules=SessionRules(),
    )
    return World(replace(services, **changes), clock, hasher, announced)
