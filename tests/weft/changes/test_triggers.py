"""The changes that the triggers write into the log."""

from tests.weft.changes.site import Database
from weft.changes.change import Change, ChangeKind


async def logged(database: Database) -> list[Change]:
    log = await database.open_log()
    try:
        return (await log.assign_positions()).changes
    finally:
        await log.aclose()


class TestTriggers:
    async def test_triggers_write_the_declared_columns_before_and_after(
        self, database: Database
    ) -> None:
        await database.run("INSERT INTO things VALUES (7, 1, 'new', 'a')")
        await database.run("UPDATE things SET state = 'old', note = 'b'")
        await database.run("DELETE FROM things")

        changes = await logged(database)

        new, old = {"owner_id": 1, "state": "new"}, {"owner_id": 1, "state": "old"}
        assert [(c.kind, c.before, c.after) for c in changes] == [
            (ChangeKind.CREATED, None, new),
            (ChangeKind.UPDATED, new, old),
            (ChangeKind.DELETED, old, None),
        ]
        assert {(c.entity, c.key) for c in changes} == {("Thing", 7)}

    async def test_triggers_record_an_update_of_undeclared_columns(
        self, database: Database
    ) -> None:
        await database.run("INSERT INTO things VALUES (1, 1, 'new', 'a')")
        await database.run("UPDATE things SET note = 'b'")

        assert [c.kind for c in await logged(database)] == ["CREATED", "UPDATED"]

    async def test_triggers_record_each_row_of_a_truncate(self, database: Database) -> None:
        await database.run("INSERT INTO things VALUES (1, 1, 'new', ''), (2, 2, 'new', '')")
        await database.run("TRUNCATE things")

        gone = (await logged(database))[2:]

        assert [(c.kind, c.key, c.before) for c in gone] == [
            ("DELETED", 1, {"owner_id": 1, "state": "new"}),
            ("DELETED", 2, {"owner_id": 2, "state": "new"}),
        ]

    async def test_changes_of_one_transaction_have_its_id(self, database: Database) -> None:
        assert await database.psql(
            "BEGIN; INSERT INTO things VALUES (1); INSERT INTO things VALUES (2); COMMIT"
        )
        assert await database.psql("INSERT INTO things VALUES (3)")

        first, second, third = await logged(database)

        assert first.xid == second.xid < third.xid

    async def test_triggers_write_nothing_that_is_rolled_back(self, database: Database) -> None:
        assert await database.psql("BEGIN; INSERT INTO things VALUES (1); ROLLBACK")

        assert await logged(database) == []

    async def test_writer_needs_no_right_on_the_log_and_no_search_path(
        self, database: Database
    ) -> None:
        role, schema = f"{database.schema}_writer", database.schema
        await database.run(f"CREATE ROLE {role}")
        await database.run(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        await database.run(f"GRANT INSERT ON things TO {role}")
        try:
            assert await database.psql(
                f"SET ROLE {role}; SET search_path TO pg_catalog;"
                f"INSERT INTO {schema}.things VALUES (1)"
            )
            assert [c.key for c in await logged(database)] == [1]
        finally:
            await database.run(f"DROP OWNED BY {role}")
            await database.run(f"DROP ROLE {role}")
