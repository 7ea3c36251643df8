"""Texts that are searched for, as PostgreSQL understands them."""

import enum
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCONFIG

from weft.postgres.connection import ReadConnection
from weft.postgres.pages import keys_of
from weft.postgres.statement import Statement


class Language(enum.StrEnum):
    """How words are understood: a text search configuration of PostgreSQL."""

    ENGLISH = "english"
    SIMPLE = "simple"


_keys = keys_of(language=sa.Text(), query=sa.Text())
_query = sa.func.websearch_to_tsquery(sa.cast(_keys.c.language, REGCONFIG), _keys.c.query)

# "T" is PostgreSQL's word for what no index narrows: a part of it, joined by `or`, has no word that
# must be there ("Text Search Functions and Operators", `querytree`).
NARROWED_BY_INDEX = Statement(
    sa.select(_keys.c.place, sa.func.querytree(_query) != sa.literal_column("'T'")),
    lambda place, is_narrowed: (place, is_narrowed),
)


class SearchText(msgspec.Struct, frozen=True, cache_hash=True):
    """A text as it is searched for."""

    language: Language
    text: str


async def is_narrowed_by_text(connection: ReadConnection, keys: Sequence[SearchText]) -> list[bool]:
    """Whether an index finds what each text asks for, in key order.

    False where something would be found by the words alone that it has not, as by `-word`. A text
    without any word finds nothing, and is narrow.
    """
    found = await connection.all(
        NARROWED_BY_INDEX,
        language=[key.language for key in keys],
        query=[key.text for key in keys],
    )
    return [is_narrowed for _, is_narrowed in sorted(found)]
