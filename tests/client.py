"""A client of the whole server in this process, over ASGI."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import asyncpg
import httpx
from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp

from settings import Settings
from tests.waiting import PATIENCE_SECONDS
from weft.auth.tokens import AccessTokens
from weft.declare.identity import encode_id


class Clock:
    """The server's clock: the real time plus `ahead`, which a test can change."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Member:
    """A signed-in user."""

    def __init__(self, key: int, token: str) -> None:
        self.key = key
        self.id = encode_id("User", key)
        self.token = token


class Api:
    """Sends operations; creates users and items directly in the database."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        connection: asyncpg.Connection,
        clock: Clock,
        statements: list[str],
    ) -> None:
        self.app = app
        self.settings = settings
        self.connection = connection
        self.clock = clock
        self.statements = statements
        """The texts of all statements that the server has run."""
        self._numbers = itertools.count(1)
        self._lifespan = LifespanManager(
            app, startup_timeout=PATIENCE_SECONDS, shutdown_timeout=PATIENCE_SECONDS
        )
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def __aenter__(self) -> Self:
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.http.aclose()
        await self._lifespan.__aexit__(*error)

    async def answer(
        self, text: str, variables: dict[str, Any] | None = None, by: Member | None = None
    ) -> dict[str, Any]:
        """Sends an operation; returns the whole response, with `data` and `errors`."""
        response = await self.http.post(
            "/graphql",
            # Escaped, so that lone surrogates can be sent as well.
            content=json.dumps({"query": text, "variables": variables or {}}),
            headers={"content-type": "application/json"}
            | ({"authorization": f"Bearer {by.token}"} if by else {}),
        )
        return response.json()

    async def data(
        self, text: str, variables: dict[str, Any] | None = None, by: Member | None = None
    ) -> Any:
        """Sends an operation that must have no errors; returns its data."""
        answer = await self.answer(text, variables, by)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def errors(
        self, text: str, variables: dict[str, Any] | None = None, by: Member | None = None
    ) -> list[tuple[str, list[Any] | None]]:
        """Sends an operation that must have errors; returns the code and path of each."""
        answer = await self.answer(text, variables, by)
        return [(error["extensions"]["code"], error.get("path")) for error in answer["errors"]]

    async def user(self, name: str = "Ada", *, admin: bool = False) -> Member:
        """Creates a signed-in user, without a password, which would cost time to hash."""
        key: Any = await self.connection.fetchval(
            "INSERT INTO users (name, email, role) VALUES ($1, $2, $3) RETURNING id",
            name,
            f"user{next(self._numbers)}@example.com",
            "ADMIN" if admin else "MEMBER",
        )
        now = self.clock()
        session: Any = await self.connection.fetchval(
            "INSERT INTO sessions (user_id, opened_at, expires_at) "
            "VALUES ($1, $2, $3) RETURNING id",
            key,
            now,
            now + timedelta(days=1),
        )
        tokens = AccessTokens(
            key_id=self.settings.secret_key_id, secret=self.settings.secret.get_secret_value()
        )
        return Member(key, tokens.issue(str(key), session, now)[0])

    async def item(self, owner: Member, title: str = "Item", **columns: Any) -> str:
        """Creates an item, PUBLISHED by default; returns its ID."""
        columns = {"owner_id": owner.key, "title": title, "status": "PUBLISHED"} | columns
        places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        key: Any = await self.connection.fetchval(
            f"INSERT INTO items ({', '.join(columns)}) VALUES ({places}) RETURNING id",
            *columns.values(),
        )
        return encode_id("Item", key)
