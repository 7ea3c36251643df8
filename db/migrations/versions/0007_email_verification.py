"""An e-mail address counts once a token that was mailed there has come back.

Accounts of before are unverified: nothing shows that their addresses are theirs. The column has no
default, so the table is not rewritten.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
compatible_from = "0006"

STATEMENTS = (
    "ALTER TABLE users ADD COLUMN email_verified_at timestamptz",
    "COMMENT ON COLUMN users.email_verified_at IS 'when a token that was mailed there came back'",
    """
    CREATE TABLE email_verifications (
        user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        digest bytea NOT NULL UNIQUE,
        email text NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN email_verifications.email IS 'where the token was sent'",
    """
    CREATE TABLE sign_ups (
        digest bytea PRIMARY KEY,
        name text NOT NULL,
        email text NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON TABLE sign_ups IS 'Accounts that will exist once their token comes back.'",
    "CREATE INDEX sign_ups_expires_at_index ON sign_ups (expires_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE email_verifications, sign_ups")
    op.execute("ALTER TABLE users DROP COLUMN email_verified_at")
