"""Items: their table, rows and the statements that read and write single ones."""

import enum
from datetime import datetime
from typing import TypedDict

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from db.accounts.user import user_table
from weft.declare.remembered import Remembered
from weft.postgres.metadata import metadata
from weft.postgres.pages import keys_of
from weft.postgres.row_version import RowStatements
from weft.postgres.statement import Statement
from weft.postgres.times import LATEST, times_check


class ItemStatus(enum.StrEnum):
    """How far an item has come; only PUBLISHED ones are public."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    ARCHIVED = "ARCHIVED"


class ItemRow(msgspec.Struct, Remembered, frozen=True, dict=True):
    """An item as stored."""

    id: int
    owner_id: int
    title: str
    description: str | None
    status: ItemStatus
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class ItemSide(TypedDict):
    """What a change of an item has, before and after."""

    owner_id: int
    status: str


# New entries of a GIN index wait in a list. Every search reads it, and the write that fills it puts
# all of it into the index: with PostgreSQL's own limit, sixteen times as much, both take longer.
_PENDING = {"gin_pending_list_limit": 256}  # KiB

item_table = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "owner_id",
        sa.BigInteger,
        sa.ForeignKey(user_table.c.id, ondelete="CASCADE"),
        nullable=False,
    ),
    # Bytes, not a locale: pages by title are the same on every machine and after every upgrade.
    sa.Column("title", sa.Text(collation="C"), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("status", sa.Text, nullable=False, server_default=ItemStatus.DRAFT),
    sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column(
        "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column(
        "updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    # A vector is computed when one of its columns is set: a new title leaves descriptions unread.
    sa.Column(
        "title_search",
        TSVECTOR,
        sa.Computed("to_tsvector('english', title)", persisted=True),
        nullable=False,
    ),
    sa.Column(
        "description_search",
        TSVECTOR,
        sa.Computed("to_tsvector('english', coalesce(description, ''))", persisted=True),
        nullable=False,
    ),
    sa.CheckConstraint("status IN ('DRAFT', 'PUBLISHED', 'ARCHIVED')", name="status"),
    times_check("created_at", "updated_at"),
    sa.Index("items_created_index", "status", "created_at", "id"),
    sa.Index("items_updated_index", "status", "updated_at", "id"),
    sa.Index("items_title_index", "status", "title", "id"),
    sa.Index("items_owner_index", "owner_id", "status", "created_at", "id"),
    sa.Index("items_tags_index", "tags", postgresql_using="gin", postgresql_with=_PENDING),
    sa.Index(
        "items_search_index",
        sa.text("(title_search || description_search)"),
        postgresql_using="gin",
        postgresql_with=_PENDING,
    ),
    postgresql_with={"fillfactor": 80},
)

_c = item_table.c
ITEM_COLUMNS = (
    _c.id,
    _c.owner_id,
    _c.title,
    _c.description,
    _c.status,
    _c.tags,
    _c.version,
    _c.created_at,
    _c.updated_at,
)
SEARCHED = _c.title_search.op("||", return_type=TSVECTOR())(_c.description_search)
"""What is found by full text, as `items_search_index` has it."""

_STATUSES = {str(status): status for status in ItemStatus}


def item_row(
    id: int,
    owner_id: int,
    title: str,
    description: str | None,
    status: str,
    tags: list[str],
    version: int,
    created_at: datetime,
    updated_at: datetime,
) -> ItemRow:
    """A row out of `ITEM_COLUMNS`; raises one of `unreadable.CANNOT_READ` if it cannot be."""
    if created_at >= LATEST or updated_at >= LATEST:
        raise ValueError
    "".join(tags)  # TypeError for what are no texts
    return ItemRow(
        id, owner_id, title, description, _STATUSES[status], tags, version, created_at, updated_at
    )


ITEMS_BY_ID = Statement(
    sa.select(*ITEM_COLUMNS).where(
        _c.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))
    ),
    item_row,
)

KNOWN_ITEMS_BY_ID = RowStatements(ITEM_COLUMNS, item_row)

MOST_COUNTED = 1_000

_owners = keys_of(owner_id=sa.BigInteger())
_counted = (
    sa.select(_c.id)
    .where(_c.owner_id == _owners.c.owner_id, _c.status == sa.literal_column("'PUBLISHED'"))
    .limit(sa.literal_column(str(MOST_COUNTED + 1)))
    .correlate(_owners)
    .subquery()
)
_count = sa.select(sa.func.count()).select_from(_counted).scalar_subquery()

COUNT_ITEMS_BY_OWNER = Statement(
    sa.select(_owners.c.owner_id, _count), lambda owner_id, count: (owner_id, count), snapshot=True
)
"""PUBLISHED items of each owner, at most `MOST_COUNTED` + 1: so this reads no further."""

INSERT_ITEM = Statement(
    sa.insert(item_table)
    .values(
        owner_id=sa.bindparam("owner_id"),
        title=sa.bindparam("title"),
        description=sa.bindparam("description"),
        status=sa.bindparam("status"),
        tags=sa.bindparam("tags"),
    )
    .returning(*ITEM_COLUMNS),
    item_row,
)

_key = sa.bindparam("key", type_=sa.BigInteger)
_expected_version = sa.bindparam("expected_version", type_=sa.Integer)

_may_delete = sa.and_(
    _c.id == _key,
    sa.or_(_expected_version.is_(None), _c.version == _expected_version),
    sa.or_(sa.bindparam("any_owner", type_=sa.Boolean), _c.owner_id == sa.bindparam("writer_id")),
)


# Neither deletes, nor gives a row, if the item is not there, another's, or of another version.
DELETE_ITEM = Statement(sa.delete(item_table).where(_may_delete).returning(*ITEM_COLUMNS), item_row)
