"""Constraints that were added without a look at the rows there were, held against them afterwards.

`ADD CONSTRAINT ... NOT VALID` binds all that is written from then on, and locks the table for a
moment only. `VALIDATE CONSTRAINT` reads the table while others write to it.
"""

import logging

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

ROWS_NAMED = 10

_NOT_VALIDATED = sa.text("""
SELECT CAST(CAST(conrelid AS regclass) AS text), conname, pg_get_expr(conbin, conrelid),
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attname = 'id')
FROM pg_constraint WHERE NOT convalidated AND contype = ANY ('{c,f}')
AND connamespace = CAST(current_schema() AS regnamespace) ORDER BY 1, 2
""")

_log = logging.getLogger(__name__)


async def validate_constraints(connection: AsyncConnection) -> None:
    """Validates each by itself. One that rows break stays as it is, and a warning names them."""
    found = (await connection.execute(_NOT_VALIDATED)).all()
    await connection.commit()
    for table, name, condition, has_id in found:
        try:
            await connection.exec_driver_sql(f'ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"')
            await connection.commit()
        except IntegrityError:
            await connection.rollback()
            rows = await _rows_that_break(connection, table, condition, has_id=has_id)
            _log.warning(
                "%s: rows break %s%s. They cannot be read or updated. Mend them, then run weft "
                "migrate again; until then the constraint binds only what is written from now on.",
                *(table, name, rows),
            )


async def _rows_that_break(
    connection: AsyncConnection, table: str, condition: str | None, *, has_id: bool
) -> str:
    """Some of their ids, in words; empty where there are none to tell."""
    if condition is None or not has_id:
        return ""
    found = await connection.exec_driver_sql(
        f"SELECT id FROM {table} WHERE NOT ({condition}) ORDER BY id LIMIT {ROWS_NAMED + 1}"
    )
    ids = [str(id) for (id,) in found]
    await connection.rollback()
    more = " and more" if len(ids) > ROWS_NAMED else ""
    return f" (id {', '.join(ids[:ROWS_NAMED])}{more})"
