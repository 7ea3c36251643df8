"""The audit log by page."""

from collections.abc import Sequence

import msgspec

from db.accounts.audit_entry import AUDIT_ENTRY_PAGES, AuditEntryRow
from weft.declare.pagination import Page, Window
from weft.loading.grouping import in_groups
from weft.postgres.confirmed_rows import fetch_pages
from weft.postgres.connection import ReadConnection
from weft.postgres.pages import window_arrays


class AuditEntryPageKey(msgspec.Struct, frozen=True, cache_hash=True):
    """A page of the audit log."""

    window: Window
    scope: None = None


async def audit_entries_by_window(
    connection: ReadConnection, keys: Sequence[AuditEntryPageKey]
) -> list[Page[AuditEntryRow]]:
    """Pages in key order: one statement for all keys of one direction."""

    async def pages(group: Sequence[AuditEntryPageKey]) -> list[Page[AuditEntryRow]]:
        statements = AUDIT_ENTRY_PAGES[group[0].window.ascending]
        return await fetch_pages(
            connection, statements, group, lambda keys: window_arrays([key.window for key in keys])
        )

    return await in_groups(keys, lambda key: key.window.ascending, pages)
