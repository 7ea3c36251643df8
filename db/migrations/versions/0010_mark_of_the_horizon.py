"""The mark of the last change that was dropped is kept: a cursor there names a history too."""

from alembic import op

revision = "0010"
down_revision = "0009"
compatible_from = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE change_horizon ADD COLUMN mark BYTEA")
    op.execute(
        "COMMENT ON COLUMN change_horizon.mark IS 'Of that change; NULL if an earlier release did.'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE change_horizon DROP COLUMN mark")
