"""Migrations beside running servers: of other releases, with locks, with existing rows."""

import asyncio
import logging
import shutil
import time
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from tests.empty_databases import Databases
from tests.waiting import until
from weft.postgres.connection import ReadConnection
from weft.postgres.migration import downgrade, upgrade
from weft.postgres.revision import (
    MIGRATIONS,
    MigrationBlocked,
    TooNew,
    WrongRevision,
    check_revision,
    head,
    is_at_head,
)

REVISION = """
from alembic import op
revision = "{revision}"
down_revision = "{before}"
{declared}

def upgrade():
    {upgrade}

def downgrade():
    op.execute("DROP INDEX IF EXISTS items_version_index")
"""
CONCURRENTLY = (
    "with op.get_context().autocommit_block(): op.execute("
    "'CREATE INDEX CONCURRENTLY IF NOT EXISTS items_version_index ON items (version)')"
)
ALTER = "op.execute('ALTER TABLE items ALTER COLUMN version SET DEFAULT 1')"


class Folders:
    """Makes folders of migrations of releases that are newer than this one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newer(
        self, name: str, *, compatible_from: str | None = None, upgrade: str = CONCURRENTLY
    ) -> Path:
        folder = self._directory / name
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        declared = f"compatible_from = {compatible_from!r}" if compatible_from else ""
        text = REVISION.format(revision="9001", before=head(), declared=declared, upgrade=upgrade)
        (folder / "versions" / "9001_newer.py").write_text(text)
        return folder


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


async def check(database_url: str) -> None:
    """Checks the revision of the database as a server of this release does."""
    raw = await asyncpg.connect(database_url)
    try:
        await check_revision(ReadConnection(raw, lambda sql, seconds: None))
    finally:
        await raw.close()


async def run(database_url: str, *statements: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetch(statements[-1])
    finally:
        await connection.close()


class TestNewerDatabase:
    async def test_newer_database_is_accepted_if_it_declares_this_release_compatible(
        self, databases: Databases, folders: Folders, caplog: pytest.LogCaptureFixture
    ):
        database_url = await databases.new()
        folder = folders.newer("newer", compatible_from=head())
        await asyncio.to_thread(upgrade, database_url, folder=folder)
        await check(database_url)
        await asyncio.to_thread(upgrade, database_url)
        assert "9001, of a newer release" in caplog.text
        assert not await is_at_head(database_url)

    @pytest.mark.parametrize("compatible_from", [None, "9000"])
    async def test_newer_database_is_refused_otherwise(
        self, databases: Databases, folders: Folders, compatible_from: str | None
    ):
        database_url = await databases.new()
        folder = folders.newer("newer", compatible_from=compatible_from)
        await asyncio.to_thread(upgrade, database_url, folder=folder)
        with pytest.raises(TooNew, match=f"at 9001, for releases from {compatible_from or 9001}"):
            await check(database_url)
        with pytest.raises(TooNew, match="deploy a newer release"):
            await asyncio.to_thread(upgrade, database_url)

    async def test_newer_database_is_not_downgraded_by_this_release(
        self, databases: Databases, folders: Folders
    ):
        database_url = await databases.new()
        folder = folders.newer("newer", compatible_from=head())
        await asyncio.to_thread(upgrade, database_url, folder=folder)
        with pytest.raises(TooNew, match="take the newer release"):
            await asyncio.to_thread(downgrade, database_url, "0006")

    async def test_newer_database_works_with_this_release_again_after_a_downgrade(
        self, databases: Databases, folders: Folders
    ):
        database_url = await databases.new()
        folder = folders.newer("newer")
        await asyncio.to_thread(upgrade, database_url, folder=folder)
        await asyncio.to_thread(downgrade, database_url, head(), folder=folder)
        await check(database_url)
        assert await is_at_head(database_url)

    async def test_database_that_never_declared_anything_is_refused_by_its_revision(
        self, databases: Databases
    ):
        database_url = await databases.new()
        statement = "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)"
        await run(database_url, statement, "INSERT INTO alembic_version VALUES ('0006')")
        with pytest.raises(WrongRevision, match=r"at 0006, not at .*: run weft migrate"):
            await check(database_url)
        await run(database_url, "UPDATE alembic_version SET version_num = '9001'")
        with pytest.raises(TooNew):
            await check(database_url)


class TestLocks:
    async def test_migration_that_waits_for_a_lock_does_not_stop_all_traffic(
        self, databases: Databases, folders: Folders
    ):
        """A reader that comes after the migration waits behind it, until the migration gives up."""
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        folder = folders.newer("newer", upgrade=ALTER)
        holder = await asyncpg.connect(database_url)
        await holder.execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE")
        migration = asyncio.create_task(
            asyncio.to_thread(upgrade, database_url, folder=folder, tries=2, pause_seconds=0.5)
        )
        waited = []
        while not migration.done():
            began = time.monotonic()
            await run(database_url, "SELECT count(*) FROM items")
            waited.append(time.monotonic() - began)
        with pytest.raises(MigrationBlocked, match="2 tries for: ALTER TABLE items"):
            await migration
        await holder.close()
        assert any(seconds > 0.2 for seconds in waited), "it never waited for the lock"
        assert (await run(database_url, "SELECT version_num FROM alembic_version"))[0][0] == head()

    async def test_migration_retries_until_it_gets_a_lock(
        self, databases: Databases, folders: Folders, caplog: pytest.LogCaptureFixture
    ):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        folder = folders.newer("newer", upgrade=ALTER)
        holder = await asyncpg.connect(database_url)
        await holder.execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE")
        migration = asyncio.create_task(
            asyncio.to_thread(upgrade, database_url, folder=folder, pause_seconds=0.1)
        )

        async def is_blocked() -> bool:
            return "more tries for: ALTER TABLE items" in caplog.text

        await until(is_blocked)
        await holder.close()
        await migration
        assert (await run(database_url, "SELECT version_num FROM alembic_version"))[0][0] == "9001"

    async def test_two_migrations_that_build_an_index_concurrently_both_succeed(
        self, databases: Databases, folders: Folders
    ):
        database_url = await databases.new()
        folder = folders.newer("newer", upgrade=CONCURRENTLY)
        both = (asyncio.to_thread(upgrade, database_url, folder=folder) for _ in range(2))
        await asyncio.gather(*both)
        found = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_version_index'::regclass"
        assert [row[0] for row in await run(database_url, found)] == [True]


CONSTRAINT = "SELECT convalidated FROM pg_constraint WHERE conname = 'items_times_check'"


class TestConstraints:
    async def test_constraint_is_validated_once_no_row_breaks_it(
        self, databases: Databases, caplog: pytest.LogCaptureFixture
    ):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url, "0006")
        await run(
            database_url,
            "INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com')",
            "INSERT INTO items (owner_id, title, created_at)"
            " VALUES (1, 'a', 'infinity'), (1, 'b', now()), (1, 'c', '12000-01-01')",
        )
        caplog.set_level(logging.WARNING)
        await asyncio.to_thread(upgrade, database_url)
        assert "items: rows break items_times_check (id 1, 3)" in caplog.text
        assert [row[0] for row in await run(database_url, CONSTRAINT)] == [False]
        await check(database_url)  # servers of this release work with it
        assert not await is_at_head(database_url)
        with pytest.raises(asyncpg.CheckViolationError):
            await run(database_url, "UPDATE items SET updated_at = '0044-03-15 BC' WHERE id = 2")

        await run(database_url, "UPDATE items SET created_at = now()")
        await asyncio.to_thread(upgrade, database_url)
        assert [row[0] for row in await run(database_url, CONSTRAINT)] == [True]
        assert await is_at_head(database_url)


class TestDeclarations:
    """A database at a revision is past all revisions before it."""

    def test_revision_names_no_older_release_than_an_earlier_revision_does(self):
        script = ScriptDirectory(str(MIGRATIONS))
        declared = [
            (found.revision, getattr(found.module, "compatible_from", None) or found.revision)
            for found in reversed(list(script.walk_revisions()))
        ]
        oldest = [release for _, release in declared]
        assert oldest == sorted(oldest)
        assert all(release <= revision for revision, release in declared)
        assert all(len(revision) == 4 and revision.isdecimal() for revision, _ in declared)
