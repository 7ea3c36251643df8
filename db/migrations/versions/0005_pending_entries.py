"""Fewer entries of inverted indexes wait, so that neither a search nor a write waits for long."""

from alembic import op

revision = "0005"
down_revision = "0004"

INDEXES = ("items_search_index", "items_tags_index")


def upgrade() -> None:
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} SET (gin_pending_list_limit = 1024)")


def downgrade() -> None:
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} RESET (gin_pending_list_limit)")
