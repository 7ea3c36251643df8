"""Registered documents by id."""

from collections.abc import Sequence

from db.connection import ReadConnection
from db.document import DOCUMENTS_BY_ID


async def document_by_id(connection: ReadConnection, keys: Sequence[str]) -> list[str | None]:
    """The texts of documents in key order; None for what nobody has registered."""
    found = {row.id: row.text for row in await connection.all(DOCUMENTS_BY_ID, ids=keys)}
    return [found.get(key) for key in keys]
