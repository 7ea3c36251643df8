"""The rules of the audit log: admins read it."""

from collections.abc import Sequence

from db.accounts.audit_entry import AuditEntryRow
from db.accounts.user import UserRow
from loaders.accounts.audit_entry import AuditEntryPageKey
from resolvers.context import Info
from weft.declare.pagination import Order, Page, PageArgs, window
from weft.errors import Forbidden

AUDIT_ORDER = Order("audit", lambda row: row.id, int, descending=True)


async def audit_log(info: Info, page: PageArgs) -> Page[AuditEntryRow] | None:
    """What admins did to users, the newest first. For admins; null, with FORBIDDEN, for others."""
    if not info.context.viewer.is_admin:
        raise Forbidden("Only admins may read this.")
    key = AuditEntryPageKey(window(AUDIT_ORDER, page))
    return await info.context.loaders.audit_entries_by_window.load(key)


async def actor(entries: Sequence[AuditEntryRow], info: Info) -> Sequence[UserRow | None]:
    """Who did it; null if that user is no more."""
    return await info.context.loaders.user_by_id.load_many([entry.actor_id for entry in entries])


async def subject(entries: Sequence[AuditEntryRow], info: Info) -> Sequence[UserRow | None]:
    """To whom; null if that user is no more."""
    return await info.context.loaders.user_by_id.load_many([entry.subject_id for entry in entries])
