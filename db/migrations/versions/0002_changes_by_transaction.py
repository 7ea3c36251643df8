"""Changes are found by their transaction, while it has not committed."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX changes_own_index ON changes (xid) WHERE position IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX changes_own_index")
