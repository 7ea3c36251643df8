"""The audit log as admins see it."""

from datetime import datetime

import strawberry

from db.accounts.audit_entry import AuditAction, AuditEntryRow
from resolvers.accounts import audit_entry as resolve
from schema.accounts.user import User
from schema.page import PAGE_ARGUMENTS, PageInfo
from schema.query import Query
from weft.declare.fields import column, derived, field, root
from weft.declare.identity import encode_id
from weft.declare.pagination import PAGE_SIZE, Edge, Page, take_page
from weft.declare.types import enumeration, extends, output

enumeration(
    AuditAction,
    {
        "SET_ROLE": "The subject became an admin or a member.",
        "SUSPEND_USER": "The subject was suspended.",
        "RESTORE_USER": "The subject's suspension ended.",
        "DELETE_USER": "The subject was deleted.",
    },
)


@output(AuditEntryRow)
class AuditEntry:
    """Something that an admin did to a user."""

    at: datetime = column("When.")
    action: AuditAction = column("What.")
    actor: User | None = field(resolve.actor)
    actor_id: strawberry.ID = derived(
        lambda entry: encode_id("User", entry.actor_id), "Who did it, also if no more a user."
    )
    actor_name: str = column("The name of who did it, as it was then.")
    subject: User | None = field(resolve.subject)
    subject_id: strawberry.ID = derived(
        lambda entry: encode_id("User", entry.subject_id), "To whom, also if no more a user."
    )
    subject_name: str = column("The name of the subject, as it was then.")
    detail: str | None = column("More about it, for people; null if there is no more.")


@output(Edge)
class AuditEntryEdge:
    """An entry in the audit log."""

    cursor: str = column("Hand it back as after or before to go on from here.")
    node: AuditEntry = column("The entry.")


@output(Page)
class AuditEntryConnection:
    """A page of the audit log."""

    edges: list[AuditEntryEdge] = column("The entries of this page with their cursors, in order.")
    nodes: list[AuditEntry] = column("The entries of this page, in order.")
    page_info: PageInfo = column("Where this page lies.")


@extends(Query)
class AuditEntryQueries:
    """The audit log."""

    audit_log: AuditEntryConnection | None = root(
        resolve.audit_log,
        arguments=PAGE_ARGUMENTS,
        prepare=take_page,
        size=PAGE_SIZE,
    )
