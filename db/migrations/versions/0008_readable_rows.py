"""Rows that no server can read are refused, and triggers fire for replicated writes too.

Each statement commits by itself, so that no two tables are locked at once, and can be repeated.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
compatible_from = "0006"


def readable(*columns: str) -> str:
    return " AND ".join(
        f"{column} >= timestamptz '0001-01-02 00:00:00+00'"
        f" AND {column} < timestamptz '9999-12-31 00:00:00+00'"
        for column in columns
    )


CHECKS = {
    "audit_entries": {"times": readable("at")},
    "documents": {"times": readable("added_at")},
    "email_verifications": {"times": readable("expires_at")},
    "items": {"times": readable("created_at", "updated_at")},
    "password_resets": {"times": readable("expires_at")},
    "refresh_tokens": {"times": readable("expires_at", "used_at")},
    "sessions": {"times": readable("opened_at", "expires_at")},
    "sign_ups": {"times": readable("expires_at")},
    "users": {"times": readable("created_at", "suspended_at", "email_verified_at")},
}
RECORDED = {"users", "items", "sessions"}

# A statement that is repeated finds its constraints there already.
REPEATED = "-- squawk-ignore ban-drop-constraint, prefer-robust-stmts\n"


def alter(table: str, *, adds: bool) -> str:
    trigger = f"record_{table}_change"
    actions = [f"DROP CONSTRAINT IF EXISTS {table}_{name}_check" for name in CHECKS[table]]
    if adds:
        actions += [
            f"ADD CONSTRAINT {table}_{name}_check CHECK ({condition}) NOT VALID"
            for name, condition in CHECKS[table].items()
        ]
    if table in RECORDED:
        enable = "ENABLE ALWAYS TRIGGER" if adds else "ENABLE TRIGGER"
        actions += [f"{enable} {trigger}", f"{enable} {trigger}_truncate"]
    return f"{REPEATED}ALTER TABLE {table} {', '.join(actions)}"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table in CHECKS:
            op.execute(alter(table, adds=True))


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in CHECKS:
            op.execute(alter(table, adds=False))
