"""Users can be suspended and reset their passwords; what admins do to users is recorded."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE users ADD COLUMN suspended_at timestamptz",
    "COMMENT ON COLUMN users.suspended_at IS 'null for who may sign in'",
    """
    CREATE TABLE audit_entries (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL,
        actor_id bigint NOT NULL,
        actor_name text NOT NULL,
        action text NOT NULL,
        subject_id bigint NOT NULL,
        subject_name text NOT NULL,
        detail text
    )
    """,
    "COMMENT ON TABLE audit_entries IS 'What admins did to users; it outlives them, so it refers to none.'",
    """
    CREATE TABLE password_resets (
        digest bytea PRIMARY KEY,
        user_id bigint REFERENCES users (id) ON DELETE CASCADE,
        email text,
        expires_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN password_resets.user_id IS 'null where nobody has the address that was given'",
    "COMMENT ON COLUMN password_resets.email IS 'where the token was sent'",
    "CREATE INDEX password_resets_user_id_index ON password_resets (user_id)",
    "CREATE INDEX password_resets_expires_at_index ON password_resets (expires_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE audit_entries, password_resets")
    op.execute("ALTER TABLE users DROP COLUMN suspended_at")
