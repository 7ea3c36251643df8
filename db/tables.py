"""Every table, imported so that the MetaData is whole."""

from db.change import change_horizon_table, change_table
from db.document import document_table
from db.item import item_table
from db.metadata import metadata
from db.session import refresh_token_table, session_table
from db.user import user_table

__all__ = [
    "change_horizon_table",
    "change_table",
    "document_table",
    "item_table",
    "metadata",
    "refresh_token_table",
    "session_table",
    "user_table",
]
