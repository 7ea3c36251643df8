"""What clients say of items, and the rules that it must keep."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from db.item import ItemStatus
from db.item_page import ItemOrderField
from weft.declare.ordering import OrderDirection
from weft.problem import Problems
from weft.text import is_storable

MAX_TITLE_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 10_000
MAX_TAGS = 20
MAX_TAG_LENGTH = 50


class ItemFilter(msgspec.Struct, frozen=True):
    """Which items; what is None is no condition."""

    status: list[ItemStatus] | None = None
    tags: list[str] | None = None
    search: str | None = None
    owner_id: str | None = None
    updated_after: datetime | None = None


class ItemOrder(msgspec.Struct, frozen=True):
    """In which order."""

    field: ItemOrderField = ItemOrderField.CREATED_AT
    direction: OrderDirection = OrderDirection.ASC


class CreateItem(msgspec.Struct, frozen=True):
    """A new item; null for status or tags means their default."""

    title: str
    description: str | None = None
    status: ItemStatus | None = ItemStatus.DRAFT
    tags: list[str] | None = None


class UpdateItem(msgspec.Struct, frozen=True):
    """Changes of an item; UNSET stays as it is. Null is a value for the description alone."""

    id: str
    expected_version: int | None = None
    title: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    status: ItemStatus | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET


class DeleteItem(msgspec.Struct, frozen=True):
    """An item to delete."""

    id: str
    expected_version: int | None = None


def check_title(problems: Problems, title: str) -> None:
    """1 to 200 characters, not all of them blank, in one line."""
    if not title.strip():
        problems.invalid("The title must not be blank.", "title")
    elif len(title) > MAX_TITLE_LENGTH:
        problems.invalid(f"The title must have at most {MAX_TITLE_LENGTH} characters.", "title")
    if not is_storable(title) or "\n" in title or "\r" in title:
        problems.invalid("The title must be one line of valid text.", "title")


def check_description(problems: Problems, description: str | None) -> None:
    """At most 10,000 characters."""
    if description is None:
        return
    if len(description) > MAX_DESCRIPTION_LENGTH:
        problems.invalid(
            f"The description must have at most {MAX_DESCRIPTION_LENGTH} characters.", "description"
        )
    if not is_storable(description):
        problems.invalid("The description must be valid text.", "description")


def check_tags(problems: Problems, tags: list[str]) -> None:
    """At most 20, each of 1 to 50 characters."""
    if len(tags) > MAX_TAGS:
        problems.invalid(f"There must be at most {MAX_TAGS} tags.", "tags")
    for place, tag in enumerate(tags):
        if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not is_storable(tag):
            problems.invalid(
                f"A tag must have 1 to {MAX_TAG_LENGTH} characters.", "tags", str(place)
            )
