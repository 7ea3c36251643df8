"""Tags of items in the cache, and which of them a write to an item touches."""

from weft.changes.change import Change
from weft.postgres.own_writes import Write

ALL_ITEMS, ALL_COUNTS = "Item.all", "Item.count"


def items_of(owner_id: int) -> str:
    """The tag of all that can be read of a user's items."""
    return f"User:{owner_id}.items"


def item_count_of(owner_id: int) -> str:
    """The tag of how many items a user has of each status."""
    return f"User:{owner_id}.itemCount"


def touched_by_item(write: Write | Change) -> list[str]:
    """The tags that a write touches: those of both sides, if it changes owner or status."""
    before, after = write.before, write.after
    if before is not None and before == after:  # as nearly always
        return [ALL_ITEMS, items_of(before["owner_id"])]
    owners = {side["owner_id"] for side in (before, after) if side is not None}
    tags = [ALL_ITEMS, *map(items_of, owners)]
    if before != after:
        tags += [ALL_COUNTS, *map(item_count_of, owners)]
    return tags
