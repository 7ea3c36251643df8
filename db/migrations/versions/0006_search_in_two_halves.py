"""Full text is made of titles and of descriptions by themselves: a new title leaves the other be.

Fewer entries of inverted indexes wait than before, so that a write puts fewer of them in at once.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

HALVES = """
ALTER TABLE items
    DROP COLUMN search,
    ADD COLUMN title_search TSVECTOR
        GENERATED ALWAYS AS (to_tsvector('english', title)) STORED NOT NULL,
    ADD COLUMN description_search TSVECTOR
        GENERATED ALWAYS AS (to_tsvector('english', coalesce(description, ''))) STORED NOT NULL
"""
WHOLE = """
ALTER TABLE items
    DROP COLUMN title_search,
    DROP COLUMN description_search,
    ADD COLUMN search TSVECTOR
        GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || coalesce(description, '')))
        STORED NOT NULL
"""
INDEX = """
CREATE INDEX items_search_index ON items USING gin ({}) WITH (gin_pending_list_limit = {})
"""
TAGS = "ALTER INDEX items_tags_index SET (gin_pending_list_limit = {})"
KIBIBYTES, KIBIBYTES_BEFORE = 256, 1024


def upgrade() -> None:
    op.execute(HALVES)  # the index goes with the column
    op.execute(INDEX.format("(title_search || description_search)", KIBIBYTES))
    op.execute(TAGS.format(KIBIBYTES))


def downgrade() -> None:
    op.execute("DROP INDEX items_search_index")
    op.execute(WHOLE)
    op.execute(INDEX.format("search", KIBIBYTES_BEFORE))
    op.execute(TAGS.format(KIBIBYTES_BEFORE))
