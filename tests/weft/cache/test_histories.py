"""The cache gives no value that PostgreSQL has lost or undone: see decisions/histories.md."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.leaks import server_log
from tests.own_postgresql import DRAW, OwnPostgreSQL, own_postgresql
from tests.processes import WEFT, environment_of
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache.limits import LEASE_MARGIN_MS, LEASE_MS
from weft.embedded.postgresql import DATABASE

READ = "query ($id: ID!) { user(id: $id) { itemCount } }"
CREATE = 'mutation { createItem(input: {title: "One", status: PUBLISHED}) { item { id } } }'
LEASE_SECONDS = (LEASE_MS + LEASE_MARGIN_MS) / 1000
Work = Callable[[], Awaitable[None]]
ARE_RELAYED = "SELECT NOT EXISTS (SELECT FROM changes WHERE position IS NULL)"


@pytest.fixture(scope="module")
async def postgresql() -> AsyncGenerator[OwnPostgreSQL]:
    async with own_postgresql() as own:
        yield own


@pytest.fixture
async def api(
    postgresql: OwnPostgreSQL, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Api]:
    own = with_cache(settings, monkeypatch, lease_ms=LEASE_MS)
    own = own.model_copy(update={"database_url": postgresql.dsn})
    statements: list[str] = []
    app = create_app(own, observe=lambda sql, _: statements.append(sql))
    connection = await postgresql.connect()
    await connection.execute("TRUNCATE users CASCADE")
    async with Api(app, own, connection, Clock(), statements) as api:
        yield api
    connection.terminate()


async def count(api: Api, owner: Member) -> int | None:
    """Returns the number of items found; None while the database cannot be reached."""
    answer = await api.answer(READ, {"id": owner.id})
    return None if "errors" in answer else answer["data"]["user"]["itemCount"]


async def until_cached(api: Api, owner: Member, expected: int) -> None:
    """Reads until the count is cached; every read on the way must find `expected`."""

    async def is_cached() -> bool:
        api.statements.clear()
        found = await count(api, owner)
        assert found in (expected, None)
        return found is not None and not any("count(" in sql for sql in api.statements)

    await until(is_cached)


async def owner_of_one(api: Api, postgresql: OwnPostgreSQL) -> Member:
    """Returns an owner of one item, whose changes are relayed and whose count is cached."""
    owner = await api.user(f"Owner {id(api)}")
    await api.item(owner)
    await until(lambda: api.connection.fetchval(ARE_RELAYED))
    await until_cached(api, owner, 1)
    return owner


async def create(api: Api, owner: Member) -> None:
    """Creates an item, retrying until the database is back and acknowledges it."""

    async def is_written() -> bool:
        return "errors" not in await api.answer(CREATE, by=owner)

    await until(is_written)


class TestCrash:
    @pytest.mark.parametrize("crash", [OwnPostgreSQL.kill, OwnPostgreSQL.kill_backend])
    async def test_value_stored_under_lost_ids_is_not_used_after_a_crash(
        self, api: Api, postgresql: OwnPostgreSQL, crash: Callable[[OwnPostgreSQL], Awaitable[None]]
    ) -> None:
        owner = await owner_of_one(api, postgresql)
        await create(api, owner)
        await until(lambda: api.connection.fetchval(ARE_RELAYED))
        await api.connection.execute(DRAW)
        drawn: Any = await api.connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())")
        await until_cached(api, owner, 2)
        await crash(postgresql)
        [row] = await postgresql.run("SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin")
        assert row["xmin"] < drawn, "no id was lost, so nothing was tried"
        await create(api, owner)
        assert await count(api, owner) == 3
        await until_cached(api, owner, 3)


async def restored_from_a_cold_copy(api: Api, postgresql: OwnPostgreSQL, meanwhile: Work) -> None:
    await postgresql.copy()
    await meanwhile()
    await postgresql.put_back()


async def restored_into_a_new_database(
    api: Api, postgresql: OwnPostgreSQL, meanwhile: Work
) -> None:
    with tempfile.NamedTemporaryFile() as dump:
        await postgresql.program("pg_dump", "--format=custom", f"--file={dump.name}", DATABASE)
        await meanwhile()
        await postgresql.program("dropdb", "--force", DATABASE)
        await postgresql.program("createdb", DATABASE)
        await postgresql.program("pg_restore", f"--dbname={DATABASE}", dump.name)


async def restored_while_connections_stay(
    api: Api, postgresql: OwnPostgreSQL, meanwhile: Work
) -> None:
    with tempfile.NamedTemporaryFile() as dump:
        await postgresql.program("pg_dump", "--format=custom", f"--file={dump.name}", DATABASE)
        await meanwhile()
        in_place = ("--clean", "--single-transaction", f"--dbname={DATABASE}")
        await postgresql.program("pg_restore", *in_place, dump.name)


async def said_to_be_restored(api: Api, postgresql: OwnPostgreSQL, meanwhile: Work) -> None:
    await meanwhile()
    # A restore of single rows fires no trigger, so the change log does not have them.
    assert await postgresql.psql(
        "SET session_replication_role = replica; DELETE FROM items WHERE title = 'One'"
    )
    with server_log() as log:
        process = await asyncio.create_subprocess_exec(
            WEFT, "restored", env=environment_of(api.settings), stderr=log
        )
        assert await process.wait() == 0


class TestRestore:
    @pytest.mark.parametrize(
        "restored",
        [
            restored_from_a_cold_copy,
            restored_into_a_new_database,
            restored_while_connections_stay,
            said_to_be_restored,
        ],
    )
    async def test_restore_invalidates_the_cached_values_that_it_undoes(
        self,
        api: Api,
        postgresql: OwnPostgreSQL,
        restored: Callable[[Api, OwnPostgreSQL, Work], Awaitable[None]],
    ) -> None:
        owner = await owner_of_one(api, postgresql)

        async def meanwhile() -> None:
            await create(api, owner)
            await postgresql.run(DRAW)
            await until_cached(api, owner, 2)

        await restored(api, postgresql, meanwhile)
        # A process may use its value for so long without reading from PostgreSQL.
        await asyncio.sleep(LEASE_SECONDS)
        await until_cached(api, owner, 1)
        await create(api, owner)
        assert await count(api, owner) == 2
        await until_cached(api, owner, 2)
