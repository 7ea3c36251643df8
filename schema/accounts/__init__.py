"""Accounts as clients see them: users, sessions, what changes and ends them."""

from schema.accounts import (
    active_session,
    audit_entry,
    email_verification,
    password_reset,
    session,
    user,
    user_write,
    user_write_admin,
)

EXTENSIONS = (
    *(user, audit_entry, session, active_session),
    *(user_write, email_verification, password_reset, user_write_admin),
)
