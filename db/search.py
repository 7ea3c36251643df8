"""Texts that are searched for, as PostgreSQL understands them."""

import enum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCONFIG

from db.paging import keys_of
from db.statement import Statement


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
