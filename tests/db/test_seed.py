from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from db.accounts.admin import insert_admin
from db.seed import ACCOUNTS, NotEmpty, is_empty, seed
from tests.client import Api
from weft.auth.passwords import Passwords

SIGN_IN = """
mutation ($input: SignInInput!) {
  signIn(input: $input) { viewer { name role } session { accessToken } errors { code } }
}
"""
# Without password hashes, whose salts differ each time.
CONTENT = (
    "SELECT id, name, email, role, created_at FROM users ORDER BY id",
    "SELECT id, owner_id, title, description, status, tags, version, created_at, updated_at "
    "FROM items ORDER BY id",
)


async def content(connection: asyncpg.Connection) -> list[list[tuple[Any, ...]]]:
    return [[tuple(row) for row in await connection.fetch(sql)] for sql in CONTENT]


async def empty(connection: asyncpg.Connection) -> None:
    await connection.execute("SET session_replication_role = replica; DELETE FROM sessions")
    await connection.execute("DELETE FROM items; DELETE FROM users; DELETE FROM changes")
    await connection.execute("SET session_replication_role = DEFAULT")


class TestSeed:
    async def test_users_are_numbered_from_one_and_own_items_in_equal_parts(
        self, connection: asyncpg.Connection, database_url: str
    ):
        report = await seed(database_url, users=10, items=200, seed=7, accounts=False)
        assert (report.users, report.items, report.accounts) == (10, 200, ())
        users, items = await content(connection)
        assert [user[0] for user in users] == list(range(1, 11))
        assert [item[0] for item in items] == list(range(1, 201))
        for user in range(1, 11):
            statuses = [item[4] for item in items if item[1] == user]
            assert len(statuses) == 20
            assert statuses.count("PUBLISHED") == 18
            assert statuses.count("DRAFT") == statuses.count("ARCHIVED") == 1

    async def test_rows_are_equal_for_equal_counts_and_seed(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await seed(database_url, users=20, items=300, seed=7)
        first = await content(connection)
        await empty(connection)
        await seed(database_url, users=20, items=300, seed=7)
        assert await content(connection) == first
        await empty(connection)
        await seed(database_url, users=20, items=300, seed=8)
        assert await content(connection) != first

    async def test_rows_are_such_as_clients_could_have_made(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await seed(database_url, users=50, items=1000, seed=1)
        _, items = await content(connection)
        assert len({item[2] for item in items}) == 1000
        assert all(len(item[2]) <= 60 and 80 <= len(item[3]) <= 180 for item in items)
        assert 120 <= sum(len(item[3]) for item in items) / 1000 <= 140
        assert all(len(set(item[5])) == 2 for item in items)
        created = [item[7] for item in items]
        assert created == sorted(set(created))
        assert created[-1] < datetime(2025, 12, 1, tzinfo=UTC)

    async def test_seed_logs_no_changes_and_leaves_the_triggers_working(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await seed(database_url, users=5, items=20, seed=7)
        assert await connection.fetchval("SELECT count(*) FROM changes") == 0
        await connection.execute("UPDATE items SET title = 'New' WHERE id = 3")
        await connection.execute("UPDATE users SET name = 'New' WHERE id = 4")
        logged = await connection.fetch("SELECT entity, key FROM changes ORDER BY id")
        assert [tuple(row) for row in logged] == [("Item", 3), ("User", 4)]

    async def test_next_row_gets_the_next_id(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await seed(database_url, users=3, items=4, seed=7, accounts=False)
        user = await connection.fetchval(
            "INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com') RETURNING id"
        )
        item = await connection.fetchval(
            "INSERT INTO items (owner_id, title) VALUES (1, 'Lamp') RETURNING id"
        )
        assert (user, item) == (4, 5)

    async def test_seed_leaves_statistics_for_the_planner(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await seed(database_url, users=10, items=200, seed=7, accounts=False)
        known = await connection.fetch(
            "SELECT relname, reltuples FROM pg_class WHERE relname IN ('users', 'items')"
        )
        assert {row["relname"]: row["reltuples"] for row in known} == {"users": 10, "items": 200}

    async def test_database_that_has_rows_is_refused_and_not_changed(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await connection.execute("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.com')")
        with pytest.raises(NotEmpty):
            await seed(database_url, users=3, items=4, seed=7)
        assert await connection.fetchval("SELECT count(*) FROM users") == 1
        await connection.execute("UPDATE users SET name = 'Eva'")
        assert await connection.fetchval("SELECT count(*) FROM changes") == 2

    async def test_items_without_an_owner_are_refused(self, database_url: str):
        with pytest.raises(ValueError, match="at least one user"):
            await seed(database_url, users=0, items=1, seed=7)

    async def test_seed_reports_its_progress(
        self, connection: asyncpg.Connection, database_url: str
    ):
        told: list[tuple[str, int, int]] = []
        await seed(
            database_url,
            users=2,
            items=10_001,
            seed=7,
            accounts=False,
            progress=lambda *progress: told.append(progress),
        )
        assert told == [
            ("users", 0, 2),
            ("users", 2, 2),
            ("items", 0, 10_001),
            ("items", 10_000, 10_001),
            ("items", 10_001, 10_001),
        ]

    async def test_accounts_can_sign_in(self, api: Api, database_url: str):
        report = await seed(database_url, users=2, items=3, seed=7)
        assert report.accounts == ACCOUNTS
        for account in ACCOUNTS:
            given = {"email": account.email, "password": account.password}
            payload = (await api.data(SIGN_IN, {"input": given}))["signIn"]
            assert payload["errors"] == []
            assert payload["viewer"] == {"name": account.name, "role": account.role}


class TestIsEmpty:
    async def test_database_is_empty_until_it_has_rows(
        self, connection: asyncpg.Connection, database_url: str
    ):
        assert await is_empty(database_url)
        await connection.execute("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.com')")
        assert not await is_empty(database_url)


class TestInsertAdmin:
    async def test_inserted_admin_can_sign_in(self, api: Api, database_url: str):
        passwords = Passwords(threads=1)
        password_hash = await passwords.hash("a long enough password")
        passwords.close()
        row = await insert_admin(
            database_url, name="Abel", email="abel@example.com", password_hash=password_hash
        )
        assert row is not None
        given = {"email": "abel@example.com", "password": "a long enough password"}
        payload = (await api.data(SIGN_IN, {"input": given}))["signIn"]
        assert payload["viewer"] == {"name": "Abel", "role": "ADMIN"}

    async def test_taken_address_gives_no_admin(
        self, connection: asyncpg.Connection, database_url: str
    ):
        await connection.execute("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.com')")
        taken = await insert_admin(
            database_url, name="Abel", email="A@Example.com", password_hash="hash"
        )
        assert taken is None
        assert await connection.fetchval("SELECT count(*) FROM users") == 1
