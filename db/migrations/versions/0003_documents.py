"""Documents that clients may run are registered."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE documents ("
        "id text PRIMARY KEY, text text NOT NULL, added_at timestamptz NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    op.execute("DROP TABLE documents")
