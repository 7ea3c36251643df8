"""Registered documents: what clients may run where nothing else is taken."""

from collections.abc import Mapping, Sequence

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from weft.postgres.connection import ReadConnection
from weft.postgres.metadata import metadata
from weft.postgres.statement import Statement
from weft.postgres.times import times_check


class DocumentRow(msgspec.Struct, frozen=True):
    """A document and the id that a client's tools have given it."""

    id: str
    text: str


document_table = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    times_check("added_at"),
)

_c = document_table.c

DOCUMENTS_BY_ID = Statement(
    sa.select(_c.id, _c.text).where(_c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Text)))),
    DocumentRow,
)

INSERT_DOCUMENT = Statement(
    insert(document_table)
    .values(id=sa.bindparam("id", type_=sa.Text), text=sa.bindparam("text", type_=sa.Text))
    .on_conflict_do_nothing(index_elements=[_c.id])
    .returning(_c.id),
    str,
)
"""No row if the id is registered already; its text stays as it is."""


async def insert_documents(dsn: str, documents: Mapping[str, str]) -> int:
    """How many of the documents are new; all of them are registered then, or none.

    `dsn` is as libpq takes it.
    """
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            added = 0
            for id_, text in documents.items():
                arguments = INSERT_DOCUMENT.arguments({"id": id_, "text": text})
                added += await connection.fetchval(INSERT_DOCUMENT.sql, *arguments) is not None
            return added
    finally:
        await connection.close()


async def document_by_id(connection: ReadConnection, keys: Sequence[str]) -> list[str | None]:
    """The texts of documents in key order; None for an id that is not registered."""
    found = {row.id: row.text for row in await connection.all(DOCUMENTS_BY_ID, ids=keys)}
    return [found.get(key) for key in keys]
