"""Every table, imported so that the MetaData is whole."""

from db.audit_entry import audit_entry_table
from db.change import change_horizon_table, change_table
from db.document import document_table
from db.email_verification import email_verification_table
from db.history import history_table
from db.item import item_table
from db.metadata import metadata
from db.password_reset import password_reset_table
from db.session import refresh_token_table, session_table
from db.sign_up import sign_up_table
from db.user import user_table

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
