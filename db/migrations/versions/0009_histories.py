"""A table that PostgreSQL empties at each recovery: by it the server knows that one has been."""

from alembic import op

revision = "0009"
down_revision = "0008"
compatible_from = "0006"

TABLE = """
CREATE UNLOGGED TABLE histories (
    table_oid OID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT histories_pkey PRIMARY KEY (table_oid),
    CONSTRAINT histories_times_check CHECK (
        began_at >= timestamptz '0001-01-02 00:00:00+00'
        AND began_at < timestamptz '9999-12-31 00:00:00+00'
    )
)
"""
COMMENT = """
COMMENT ON TABLE histories
IS 'What of the database''s history cannot be seen otherwise; see db/history.py.'
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(COMMENT)


def downgrade() -> None:
    op.execute("DROP TABLE histories")
