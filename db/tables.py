"""Every table, imported so that the MetaData is whole."""

from db.accounts.audit_entry import audit_entry_table
from db.accounts.email_verification import email_verification_table
from db.accounts.password_reset import password_reset_table
from db.accounts.session import refresh_token_table, session_table
from db.accounts.sign_up import sign_up_table
from db.accounts.user import user_table
from db.item import item_table
from weft.postgres.change_table import change_horizon_table, change_table
from weft.postgres.document_table import document_table
from weft.postgres.history import history_table
from weft.postgres.metadata import metadata

__all__ = [
    "audit_entry_table",
    "change_horizon_table",
    "change_table",
    "document_table",
    "email_verification_table",
    "history_table",
    "item_table",
    "metadata",
    "password_reset_table",
    "refresh_token_table",
    "session_table",
    "sign_up_table",
    "user_table",
]
