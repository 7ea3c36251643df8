"""The rules of what admins do to users, each of which is recorded in the audit log.

Admins cannot do any of it to themselves. The acting admin's row is locked and checked again, so at
least one admin is left, however many act at once.
"""

from datetime import datetime

import msgspec

from db.accounts.audit_entry import INSERT_AUDIT_ENTRY, AuditAction
from db.accounts.mailed_token import DELETE_MAILED_TOKENS
from db.accounts.session import DELETE_SESSIONS_OF_USER
from db.accounts.user import Role, UserRow
from db.accounts.user_admin import (
    DELETE_USER,
    LOCK_USERS,
    SET_ROLE,
    SET_SUSPENDED_AT,
)
from db.owned import OWNED, Owned
from resolvers.accounts.user_write import UserPayload
from resolvers.context import Info
from weft.declare.identity import key_of
from weft.errors import BadId
from weft.postgres.connection import WriteTransaction
from weft.problem import Problems, UserError, UserErrorCode

ADMINS_ONLY = UserError(UserErrorCode.FORBIDDEN, "Only admins may do this.")


class SetRole(msgspec.Struct, frozen=True):
    """Whose role becomes what, as a client says it."""

    id: str
    role: Role


class SuspendUser(msgspec.Struct, frozen=True):
    """Who is suspended, as a client says it."""

    id: str


class RestoreUser(msgspec.Struct, frozen=True):
    """Whose suspension ends, as a client says it."""

    id: str


class DeleteUser(msgspec.Struct, frozen=True):
    """Who is deleted and who gets the items, as a client says it; None: they are deleted too."""

    id: str
    items_to: str | None = None


class DeleteUserPayload(msgspec.Struct, frozen=True):
    """The ID of the user who is no more, or why one still is."""

    deleted_id: str | None = None
    errors: list[UserError] = []


class _Refused(Exception):
    def __init__(self, errors: list[UserError]) -> None:
        self.errors = errors


async def set_role(info: Info, input: SetRole) -> UserPayload:
    """Makes a user an ADMIN or a MEMBER, and closes the user's sockets. For admins."""
    try:
        keys = _keys(info, id=input.id)
        async with info.context.write() as transaction:
            actor, user = await _locked(transaction, info, keys)
            if user.role is not input.role:
                detail = f"{user.role} to {input.role}"
                (user,) = await transaction.all(SET_ROLE, key=user.id, role=input.role)
                await _record(transaction, info, AuditAction.SET_ROLE, actor, user, detail)
    except _Refused as refused:
        return UserPayload(errors=refused.errors)
    return UserPayload(user)


async def suspend_user(info: Info, input: SuspendUser) -> UserPayload:
    """Ends the user's sessions and sockets at once; the user cannot sign in again. For admins."""
    now = info.context.services.now()
    return await _set_suspended_at(info, input.id, now, AuditAction.SUSPEND_USER)


async def restore_user(info: Info, input: RestoreUser) -> UserPayload:
    """Lets a user who was suspended sign in again. For admins."""
    return await _set_suspended_at(info, input.id, None, AuditAction.RESTORE_USER)


async def delete_user(info: Info, input: DeleteUser) -> DeleteUserPayload:
    """Deletes a user with all items, or gives the items to another first. For admins."""
    try:
        heir = {} if input.items_to is None else {"itemsTo": input.items_to}
        keys = _keys(info, id=input.id, **heir)
        async with info.context.write() as transaction:
            actor, user, *heirs = await _locked(transaction, info, keys)
            details = [
                await _hand_over(transaction, owned, user, heirs[0] if heirs else None)
                for owned in OWNED
            ]
            detail = ", ".join(details) or None
            await transaction.all(DELETE_USER, key=user.id)
            await _record(transaction, info, AuditAction.DELETE_USER, actor, user, detail)
    except _Refused as refused:
        return DeleteUserPayload(errors=refused.errors)
    return DeleteUserPayload(input.id)


async def _hand_over(
    transaction: WriteTransaction, owned: Owned, owner: UserRow, heir: UserRow | None
) -> str:
    """What became of what is owned, for the audit log."""
    if heir is None:
        count = await transaction.first(owned.delete, key=owner.id)
        return f"{count} {owned.name} deleted"
    count = await transaction.first(owned.move, key=owner.id, new_owner_id=heir.id)
    return f"{count} {owned.name} to user {heir.id}"


async def _set_suspended_at(
    info: Info, id: str, suspended_at: datetime | None, action: AuditAction
) -> UserPayload:
    try:
        keys = _keys(info, id=id)
        async with info.context.write() as transaction:
            actor, user = await _locked(transaction, info, keys)
            if (user.suspended_at is None) is not (suspended_at is None):
                (user,) = await transaction.all(
                    SET_SUSPENDED_AT, key=user.id, suspended_at=suspended_at
                )
                # None can be opened meanwhile: that waits for the user's row, which is locked.
                if suspended_at is not None:
                    await transaction.all(DELETE_SESSIONS_OF_USER, user_id=user.id)
                    await transaction.all(DELETE_MAILED_TOKENS, user_id=user.id)
                await _record(transaction, info, action, actor, user)
    except _Refused as refused:
        return UserPayload(errors=refused.errors)
    return UserPayload(user)


def _keys(info: Info, **ids: str) -> dict[str, int]:
    """The users that the input names, by where it does; for admins only."""
    if not info.context.viewer.is_admin:
        raise _Refused([ADMINS_ONLY])
    problems, keys = Problems(), dict[str, int]()
    for path, id in ids.items():
        try:
            keys[path] = key_of("User", id)
        except BadId as error:
            problems.invalid(error.message, path)
    if info.context.viewer.user_id == keys.get("id"):
        problems.invalid("Another admin has to do this to you.", "id")
    if "id" in keys and keys.get("itemsTo") == keys["id"]:
        problems.invalid("Somebody else has to get the items.", "itemsTo")
    if problems.errors:
        raise _Refused(problems.errors)
    return keys


async def _locked(transaction: WriteTransaction, info: Info, keys: dict[str, int]) -> list[UserRow]:
    """Returns the acting admin and the users, locked until the transaction ends."""
    ids = [info.context.viewer.user_id, *keys.values()]
    rows = {row.id: row for row in await transaction.all(LOCK_USERS, ids=ids)}
    actor = rows.get(info.context.viewer.user_id or 0)
    if actor is None or actor.role is not Role.ADMIN or actor.suspended_at is not None:
        raise _Refused([ADMINS_ONLY])
    missing = [path for path, key in keys.items() if key not in rows]
    if missing:
        no_user = "There is no such user."
        raise _Refused([UserError(UserErrorCode.NOT_FOUND, no_user, [path]) for path in missing])
    return [actor, *(rows[key] for key in keys.values())]


async def _record(
    transaction: WriteTransaction,
    info: Info,
    action: AuditAction,
    actor: UserRow,
    subject: UserRow,
    detail: str | None = None,
) -> None:
    await transaction.all(
        INSERT_AUDIT_ENTRY,
        at=info.context.services.now(),
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        subject_id=subject.id,
        subject_name=subject.name,
        detail=detail,
    )
