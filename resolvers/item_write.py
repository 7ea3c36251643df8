"""The rules of writing items: who may, what must hold, and what a lost race answers."""

import msgspec
from msgspec import UNSET

from db.accounts.rights import SessionRights
from db.item import DELETE_ITEM, INSERT_ITEM, ITEMS_BY_ID, ItemRow, ItemStatus
from db.item_update import ItemUpdate, update_unlocked_items
from db.item_update import update_item as write_item
from resolvers.context import Info, Viewer
from resolvers.item import visible_item
from resolvers.item_input import (
    CreateItem,
    DeleteItem,
    UpdateItem,
    check_description,
    check_tags,
    check_title,
)
from weft.declare.identity import key_of
from weft.errors import BadId
from weft.postgres.connection import Missing, WriteTransaction
from weft.problem import Problems, UserError, UserErrorCode

ACCOUNT_GONE = UserError(UserErrorCode.FORBIDDEN, "Your account has been deleted.")


class ItemPayload(msgspec.Struct, frozen=True):
    """The item as written, or why it was not."""

    item: ItemRow | None = None
    errors: list[UserError] = []


class DeleteItemPayload(msgspec.Struct, frozen=True):
    """The ID of the item that is no more, or why it still is."""

    deleted_id: str | None = None
    errors: list[UserError] = []


async def create_item(info: Info, input: CreateItem) -> ItemPayload:
    """Creates an item of the viewer's own."""
    viewer = info.context.viewer
    problems = Problems()
    if viewer.user_id is None:
        problems.add(UserErrorCode.FORBIDDEN, "Sign in to create items.")
    check_title(problems, input.title)
    check_description(problems, input.description)
    check_tags(problems, input.tags or [])
    if problems.errors:
        return ItemPayload(errors=problems.errors)
    try:
        async with info.context.write() as transaction:
            row = await transaction.first(
                INSERT_ITEM,
                owner_id=viewer.user_id,
                title=input.title,
                description=input.description,
                status=input.status or ItemStatus.DRAFT,
                tags=list(dict.fromkeys(input.tags or [])),
            )
    except Missing:
        return ItemPayload(errors=[ACCOUNT_GONE])
    return ItemPayload(row)


async def update_item(info: Info, input: UpdateItem) -> ItemPayload:
    """Changes what is given of an item, all of it or nothing. Its owner and admins may."""
    problems = Problems()
    key = _key(problems, input.id)
    _check(problems, input)
    if problems.errors:
        return ItemPayload(errors=problems.errors)
    context = info.context
    update = _update(context.rights, key, input)
    row = await context.services.database.joined.submit(update_unlocked_items, key, update)
    if row is None:
        async with context.write() as transaction:
            row = await write_item(transaction, update)
            if row is None:
                error = await _refusal(transaction, context.viewer, key, input.expected_version)
                return ItemPayload(errors=[error])
    return ItemPayload(row)


async def delete_item(info: Info, input: DeleteItem) -> DeleteItemPayload:
    """Deletes an item. Its owner and admins may."""
    problems = Problems()
    key = _key(problems, input.id)
    if problems.errors:
        return DeleteItemPayload(errors=problems.errors)
    async with info.context.write() as transaction:
        row = await transaction.first(
            DELETE_ITEM, **_condition(info.context.viewer, key, input.expected_version)
        )
        if row is None:
            error = await _refusal(transaction, info.context.viewer, key, input.expected_version)
            return DeleteItemPayload(errors=[error])
    return DeleteItemPayload(input.id)


def _key(problems: Problems, id: str) -> int:
    try:
        return key_of("Item", id)
    except BadId as error:
        problems.invalid(error.message, "id")
        return 0


def _check(problems: Problems, input: UpdateItem) -> None:
    if isinstance(input.title, str):
        check_title(problems, input.title)
    if isinstance(input.description, str):
        check_description(problems, input.description)
    if isinstance(input.tags, list):
        check_tags(problems, input.tags)
    for name, value in (("title", input.title), ("status", input.status), ("tags", input.tags)):
        if value is None:
            problems.invalid(f"{name} can be left out, but not null.", name)


def _update(rights: SessionRights | None, key: int, input: UpdateItem) -> ItemUpdate:
    tags = input.tags
    return ItemUpdate(
        key,
        input.expected_version,
        rights,
        title=UNSET if input.title is None else input.title,
        description=input.description,
        status=UNSET if input.status is None else input.status,
        tags=list(dict.fromkeys(tags)) if isinstance(tags, list) else UNSET,
    )


def _condition(viewer: Viewer, key: int, expected_version: int | None) -> dict[str, object]:
    return {
        "key": key,
        "expected_version": expected_version,
        "any_owner": viewer.is_admin,
        "writer_id": viewer.user_id,
    }


async def _refusal(
    transaction: WriteTransaction, viewer: Viewer, key: int, expected_version: int | None
) -> UserError:
    """Why nothing was written: told to those only who may know that the item exists."""
    row = visible_item(viewer, await transaction.first(ITEMS_BY_ID, ids=[key]))
    if row is None:
        return UserError(UserErrorCode.NOT_FOUND, "There is no such item.", ["id"])
    if not viewer.sees_all_of(row.owner_id):
        return UserError(UserErrorCode.FORBIDDEN, "Only its owner and admins may do this.", ["id"])
    return UserError(
        UserErrorCode.CONFLICT,
        f"The item has version {row.version}, not {expected_version}: read it again.",
        ["expectedVersion"],
    )
