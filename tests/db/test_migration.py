import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.tables import metadata
from tests.empty_databases import Databases
from weft.postgres.change_table import change_triggers, drop_change_triggers
from weft.postgres.connection import ReadConnection
from weft.postgres.migration import async_url, downgrade, upgrade
from weft.postgres.revision import MIGRATIONS, WrongRevision, check_revision, head

RECORDED = {
    "users": ("User", ["role"]),
    "items": ("Item", ["owner_id", "status"]),
    "sessions": ("Session", ["user_id"]),
}

# PostgreSQL's own definitions of all that a schema holds, a line each, without indentation.
CATALOG = r"""
SELECT format('relation %s %s options:%s comment:%s',
    relname, relkind, reloptions, obj_description(oid, 'pg_class'))
FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('column %s.%s %s null:%s default:%s generated:%s identity:%s collation:%s comment:%s',
    relname, attname, format_type(atttypid, atttypmod), NOT attnotnull,
    pg_get_expr(adbin, adrelid), attgenerated, attidentity, attcollation::regcollation,
    col_description(attrelid, attnum))
FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index JOIN pg_class
ON indexrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT format('trigger %s enabled:%s', pg_get_triggerdef(pg_trigger.oid), tgenabled)
FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
UNION ALL
SELECT format('function %s', regexp_replace(pg_get_functiondef(oid), '\s+', ' ', 'g'))
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('type %s', typname) FROM pg_type WHERE typnamespace = 'public'::regnamespace
"""


async def catalog(database_url: str) -> set[str]:
    """Returns the definitions of everything in the database, without Alembic's own table."""
    connection = await asyncpg.connect(database_url)
    lines = [row[0] for row in await connection.fetch(CATALOG)]
    await connection.close()
    assert len(lines) == len(set(lines))
    return {line for line in lines if "alembic_version" not in line}


async def differences(database_url: str, target: sa.MetaData) -> list[object]:
    """Returns what Alembic would put into a migration from the database to `target`."""

    def compare(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, target))

    engine = create_async_engine(async_url(database_url), poolclass=NullPool)
    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


async def create_from_tables(database_url: str) -> None:
    """Creates the tables and triggers as `db/` declares them, without migrations."""
    engine = create_async_engine(async_url(database_url), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        for table, (entity, columns) in RECORDED.items():
            for statement in change_triggers(table, entity, columns):
                await connection.exec_driver_sql(statement)
    await engine.dispose()


class TestUpgrade:
    async def test_upgrade_gives_exactly_the_tables_and_triggers_of_db(self, databases: Databases):
        migrated, declared = await databases.new(), await databases.new()
        await asyncio.to_thread(upgrade, migrated)
        await create_from_tables(declared)
        found, wanted = await catalog(migrated), await catalog(declared)
        assert sorted(found - wanted) == sorted(wanted - found) == []

    async def test_upgrade_leaves_alembic_nothing_to_generate(self, databases: Databases):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        assert await differences(database_url, metadata) == []

    async def test_triggers_fire_whatever_the_replication_role_of_the_session(
        self, databases: Databases
    ):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        triggers = {line for line in await catalog(database_url) if line.startswith("trigger")}
        assert {line.rpartition(" ")[2] for line in triggers} == {"enabled:A"}
        for table in RECORDED:
            assert sum(f" ON public.{table} " in line for line in triggers) == 2

    async def test_second_upgrade_changes_nothing(self, databases: Databases):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        before = await catalog(database_url)
        await asyncio.to_thread(upgrade, database_url)
        assert await catalog(database_url) == before

    async def test_two_concurrent_upgrades_succeed(self, databases: Databases):
        database_url = await databases.new()
        await asyncio.gather(*(asyncio.to_thread(upgrade, database_url) for _ in range(2)))
        assert await differences(database_url, metadata) == []

    async def test_upgrade_takes_a_url_with_a_driver(self, databases: Databases):
        database_url = await databases.new()
        with_driver = database_url.replace("postgresql://", "postgresql+asyncpg://", 1)
        await asyncio.to_thread(upgrade, with_driver)
        assert await differences(database_url, metadata) == []


class TestDowngrade:
    async def test_downgrade_leaves_nothing_behind_and_can_be_upgraded_again(
        self, databases: Databases
    ):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        full = await catalog(database_url)
        await asyncio.to_thread(downgrade, database_url, "base")
        assert await catalog(database_url) == set()
        await asyncio.to_thread(upgrade, database_url)
        assert await catalog(database_url) == full


class TestDropChangeTriggers:
    async def test_drop_change_triggers_undoes_change_triggers(self, databases: Databases):
        database_url = await databases.new()
        await create_from_tables(database_url)
        connection = await asyncpg.connect(database_url)
        for table in RECORDED:
            for statement in drop_change_triggers(table):
                await connection.execute(statement)
        await connection.close()
        left = await catalog(database_url)
        assert [line for line in left if line.startswith(("trigger", "function"))] == []


class TestHead:
    def test_head_is_that_of_alembic(self):
        assert head() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


class TestCheckRevision:
    async def test_check_passes_at_the_newest_revision_only(self, databases: Databases):
        database_url = await databases.new()
        await asyncio.to_thread(upgrade, database_url)
        raw = await asyncpg.connect(database_url)
        connection = ReadConnection(raw, lambda sql, seconds: None)
        await check_revision(connection)
        await raw.execute("UPDATE alembic_version SET version_num = '0000'")
        with pytest.raises(WrongRevision, match="at 0000, not at"):
            await check_revision(connection)
        await raw.close()


class TestCatalog:
    """Each kind of object, changed by hand: the comparison must notice it."""

    @pytest.mark.parametrize(
        "change",
        [
            "ALTER TABLE items ADD COLUMN extra int",
            "ALTER TABLE items ALTER COLUMN version TYPE bigint",
            "ALTER TABLE items ALTER COLUMN version SET DEFAULT 2",
            'ALTER TABLE users ALTER COLUMN email TYPE text COLLATE "C"',
            "ALTER TABLE items ALTER COLUMN title_search DROP EXPRESSION",
            "ALTER TABLE items SET (fillfactor = 90)",
            "ALTER TABLE items ALTER COLUMN id SET GENERATED BY DEFAULT",
            "ALTER TABLE items DROP CONSTRAINT items_status_check",
            "ALTER TABLE items DROP CONSTRAINT items_owner_id_fkey",
            "DROP INDEX items_tags_index",
            "ALTER INDEX items_tags_index RESET (gin_pending_list_limit)",
            "DROP TRIGGER record_items_change ON items",
            "ALTER TABLE items ENABLE TRIGGER record_items_change",
            "COMMENT ON COLUMN sessions.expires_at IS 'other'",
            "COMMENT ON TABLE changes IS NULL",
        ],
    )
    async def test_catalog_shows_a_change(self, databases: Databases, change: str):
        database_url = await databases.new()
        await create_from_tables(database_url)
        before = await catalog(database_url)
        connection = await asyncpg.connect(database_url)
        await connection.execute(change)
        await connection.close()
        assert await catalog(database_url) != before
