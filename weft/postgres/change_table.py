"""The change log as stored: its tables, and the triggers that write it."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from weft.postgres.metadata import metadata

_TRANSACTION_ID = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"

change_table = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default=sa.text(_TRANSACTION_ID)),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("key", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("before", JSONB(none_as_null=True)),
    sa.Column("after", JSONB(none_as_null=True)),
    sa.Column("position", sa.BigInteger),
    sa.Column(
        "at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.clock_timestamp(),
    ),
    comment="Every write to a recorded table, by its own transaction; see weft/changes.",
)
sa.Index(
    "changes_position_index",
    change_table.c.position,
    unique=True,
    postgresql_where=change_table.c.position.is_not(None),
)
sa.Index(
    "changes_pending_index",
    change_table.c.id,
    postgresql_where=change_table.c.position.is_(None),
)
sa.Index(
    "changes_own_index",
    change_table.c.xid,
    postgresql_where=change_table.c.position.is_(None),
)

change_horizon_table = sa.Table(
    "change_horizon",
    metadata,
    sa.Column("singleton", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("mark", sa.LargeBinary, comment="Of that change; NULL if an earlier release did."),
    sa.CheckConstraint("singleton", name="singleton"),
    comment="One row: the last position that was dropped from changes. No row: none was.",
)

_RECORD_FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO changes (entity, key, kind, after)
    VALUES ({entity}, NEW.id, 'CREATED', {new});
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO changes (entity, key, kind, before, after)
    VALUES ({entity}, NEW.id, 'UPDATED', {old}, {new});
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO changes (entity, key, kind, before)
    VALUES ({entity}, OLD.id, 'DELETED', {old});
  ELSE
    INSERT INTO changes (entity, key, kind, before)
    SELECT {entity}, truncated.id, 'DELETED', {truncated}
    FROM {table} AS truncated ORDER BY truncated.id;
  END IF;
  RETURN NULL;
END $$
"""

_ROW_TRIGGER = """
CREATE TRIGGER {function} AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {function}()
"""

_TRUNCATE_TRIGGER = """
CREATE TRIGGER {function}_truncate BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {function}()
"""


def change_triggers(table: str, entity: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The statements after which every write to `table`, by any program, is in the log.

    `entity` is the GraphQL type of its rows, `columns` those that a change carries before and
    after. The key is the column `id`. Each table gets a function of its own, since one that looks
    up its columns at run time costs twice as much a row (27 us instead of 12). It runs as its owner
    and in the search path of its creation, so writers need no rights on the log.
    """

    def picked(row: str) -> str:
        pairs = (f"'{column}', {row}.{column}" for column in columns)
        return f"jsonb_build_object({', '.join(pairs)})"

    parts = {
        "function": f"record_{table}_change",
        "table": table,
        "entity": f"'{entity}'",
        "old": picked("OLD"),
        "new": picked("NEW"),
        "truncated": picked("truncated"),
    }
    statements = (_RECORD_FUNCTION, _ROW_TRIGGER, _TRUNCATE_TRIGGER)
    made = (statement.format(**parts).strip() for statement in statements)
    return (*made, enable_change_triggers(table))


def enable_change_triggers(table: str) -> str:
    """The statement after which the triggers of `table` fire, whatever the role of the session.

    Enabled in PostgreSQL's usual way they would not fire for appliers of logical replication, nor
    for any other that writes with `session_replication_role = replica`.
    """
    name = f"record_{table}_change"
    return (
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}, ENABLE ALWAYS TRIGGER {name}_truncate"
    )


def drop_change_triggers(table: str) -> tuple[str, ...]:
    """The statements that undo `change_triggers`."""
    return (f"DROP FUNCTION record_{table}_change() CASCADE",)
