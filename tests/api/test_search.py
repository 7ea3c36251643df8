"""Searches run apart from ordinary reads: connections, time limit, turns and refusals."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.api.test_search_text import COUNT, PAGE
from tests.client import Api, Clock, Member
from tests.waiting import PATIENCE_SECONDS, soon, until

WAITING = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = $1 AND wait_event_type = 'Lock'"""

Serve = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def serve(connection: asyncpg.Connection, settings: Settings) -> Serve:
    """Returns a function that starts the server with other settings."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncGenerator[Api]:
        changed = settings.model_copy(update={"cache": "off", **changes})
        statements: list[str] = []
        app = create_app(changed, observe=lambda sql, _: statements.append(sql))
        async with Api(app, changed, connection, Clock(), statements) as api:
            yield api

    return start


@asynccontextmanager
async def locked(connection: asyncpg.Connection, table: str) -> AsyncGenerator[None]:
    """Locks the table: until the block ends, all its readers wait."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        await transaction.rollback()


async def until_waiting(api: Api, count: int, name: str = "weft search") -> None:
    """Waits until exactly so many connections of this name wait for a lock."""

    async def are_waiting() -> bool:
        # A transaction sees the same statistics to its end, unless they are cleared.
        await api.connection.execute("SELECT pg_stat_clear_snapshot()")
        return await api.connection.fetchval(WAITING, name) == count

    await until(are_waiting)


def start(operations: Sequence[Coroutine[Any, Any, Any]]) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(operation) for operation in operations]


class TestConnections:
    async def test_connections_of_ordinary_reads_are_held_by_no_search(self, serve: Serve) -> None:
        orders = [
            {"field": field, "direction": direction}
            for field in ("CREATED_AT", "UPDATED_AT", "TITLE")
            for direction in ("ASC", "DESC")
        ]
        kinds: list[dict[str, Any]] = [
            {"search": "horse"},
            {"tags": ["red"]},
            {"search": "horse", "tags": ["red"], "updatedAfter": "2026-01-01T00:00:00Z"},
        ]
        async with serve(search_timeout_ms=600_000, operation_timeout_ms=600_000) as api:
            owner = await api.user("Ada")
            await api.item(owner, "Horse", tags=["red"])
            of_owner = {"search": "horse", "ownerId": owner.id}
            async with locked(api.connection, "items"):
                asked = start(
                    [
                        api.data(PAGE, {"filter": filter, "by": order})
                        for order in orders
                        for filter in (*kinds, of_owner)
                    ]
                )
                await until_waiting(api, 2)
                text = "query($id: ID!) { user(id: $id) { name } users { nodes { name } } }"
                for _ in range(3):
                    found = await soon(api.data(text, {"id": owner.id}))
                    assert found["user"]["name"] == found["users"]["nodes"][0]["name"] == "Ada"
                assert not any(task.done() for task in asked)
            answers = await soon(asyncio.gather(*asked))
            assert {answer["items"]["nodes"][0]["title"] for answer in answers} == {"Horse"}

    @pytest.mark.parametrize(
        ("text", "variables"),
        [
            (COUNT, {}),
            (PAGE, {"filter": {"updatedAfter": "2026-01-01T00:00:00Z"}, "by": {"field": "TITLE"}}),
            ("{ users { nodes { items(orderBy: {field: TITLE}) { nodes { id } } } } }", {}),
        ],
    )
    async def test_connections_of_ordinary_reads_are_held_by_no_read_beyond_a_page(
        self, serve: Serve, text: str, variables: dict[str, Any]
    ) -> None:
        async with serve(search_timeout_ms=600_000, operation_timeout_ms=600_000) as api:
            await api.item(await api.user())
            async with locked(api.connection, "items"):
                asked = start([api.data(text, variables)])
                if text is COUNT:  # its page is an ordinary read
                    await until_waiting(api, 1, "weft read")
                else:
                    await until_waiting(api, 1)
                    assert await api.connection.fetchval(WAITING, "weft read") == 0
            await soon(asyncio.gather(*asked))

    async def test_search_connections_are_as_many_as_the_setting_says(self, serve: Serve) -> None:
        async with serve(search_connections=3, search_timeout_ms=600_000) as api:
            async with locked(api.connection, "items"):
                asked = start([api.data(PAGE, {"filter": {"search": f"a{n}"}}) for n in range(9)])
                await until_waiting(api, 3)
            await soon(asyncio.gather(*asked))


class TestTimeLimit:
    async def test_search_beyond_the_time_limit_has_an_error_code_of_its_own(
        self, serve: Serve
    ) -> None:
        async with serve(search_timeout_ms=300) as api:
            await api.user("Ada")
            async with locked(api.connection, "items"):
                answer = await api.answer(PAGE, {"filter": {"search": "horse"}})
                [error] = answer["errors"]
                assert error["extensions"] == {"code": "SEARCH_TOO_BROAD"}
                assert error["path"] == ["items"]
                assert "300 ms" in error["message"]

    async def test_time_limit_ends_one_alias_and_no_other(self, serve: Serve) -> None:
        text = """{ ada: users(search: "ada") { nodes { name } }
            slow: viewer { id items(filter: {search: "horse"}) { nodes { id } } } }"""
        async with serve(search_timeout_ms=500, operation_timeout_ms=600_000) as api:
            ada = await api.user("Ada")
            async with locked(api.connection, "items"):
                answer = await api.answer(text, by=ada)
            assert [error["path"] for error in answer["errors"]] == [["slow", "items"]]
            assert answer["data"] == {"ada": {"nodes": [{"name": "Ada"}]}, "slow": None}

    async def test_each_alias_has_a_statement_and_so_a_time_limit_of_its_own(
        self, serve: Serve
    ) -> None:
        names = [f"a{n}" for n in range(20)]
        parts = [
            f'{name}: items(filter: {{search: "{name}"}}) {{ nodes {{ id }} }}' for name in names
        ]
        async with serve(row_memory_bytes=0, search_timeout_ms=60_000) as api:
            await api.data("{ " + " ".join(parts) + " }")
            searching = [sql for sql in api.statements if "@@" in sql]
            assert len(searching) == len(names)


class TestOperation:
    async def test_search_ends_with_its_operation(self, serve: Serve) -> None:
        async with (
            serve(search_timeout_ms=600_000, operation_timeout_ms=300) as api,
            locked(api.connection, "items"),
        ):
            errors = await api.errors(PAGE, {"filter": {"search": "horse"}})
            assert errors == [("DEADLINE_EXCEEDED", ["items"])]
            await until_waiting(api, 0)  # though the table is still locked


class TestClients:
    @pytest.fixture
    async def api(self, serve: Serve) -> AsyncIterator[Api]:
        async with serve(
            trusted_proxies=["127.0.0.0/8"],
            search_connections=1,
            searches_per_client=3,
            search_timeout_ms=600_000,
            operation_timeout_ms=600_000,
        ) as api:
            yield api

    @staticmethod
    async def search(api: Api, word: str, address: str, by: Member | None = None) -> Any:
        headers = {"x-forwarded-for": address}
        if by is not None:
            headers["authorization"] = f"Bearer {by.token}"
        return await api.http.post(
            "/graphql",
            json={"query": PAGE, "variables": {"filter": {"search": word}}},
            headers=headers,
            timeout=PATIENCE_SECONDS,
        )

    async def test_waiting_searches_of_a_client_are_limited(self, api: Api) -> None:
        ada = await api.user("Ada")
        async with locked(api.connection, "items"):
            asked = start([self.search(api, "first", "203.0.113.7")])
            await until_waiting(api, 1)
            flood = start([self.search(api, f"w{n}", "203.0.113.7") for n in range(5)])
            done, waiting = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 2:
                done, waiting = await asyncio.wait(flood, timeout=0.01)
            others = start(
                [
                    self.search(api, "other", "203.0.113.8"),
                    self.search(api, "other", "203.0.113.7", by=ada),
                ]
            )
        assert len(waiting) == 3
        for task in done:
            response = task.result()
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")
            [error] = response.json()["errors"]
            assert error["extensions"] == {"code": "TOO_MANY_REQUESTS", "retryAfterSeconds": 1}
        answers = await soon(asyncio.gather(*asked, *waiting, *others))
        assert {answer.status_code for answer in answers} == {200}
