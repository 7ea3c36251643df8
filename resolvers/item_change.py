"""The rules of live updates: which changes a subscriber receives, and what of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from db.item import ItemRow, ItemStatus
from resolvers.context import Info, Viewer
from resolvers.item import visible_item
from weft.changes.change import Change, ChangeKind
from weft.changes.listener import Wants
from weft.declare.identity import key_of
from weft.feed import Feed
from weft.rates.budget import client_of

MAX_IDS = 100


class ItemChangeRow(msgspec.Struct, frozen=True):
    """A change of the item with this key, at this position of the log; for clients, its cursor."""

    kind: ChangeKind
    key: int
    position: int
    cursor: str


async def item_changed(
    info: Info, ids: list[str] | None = None, owner_id: str | None = None, after: str | None = None
) -> Feed[ItemChangeRow]:
    """Every committed change that the viewer may see, in commit order per item.

    None is lost and none comes twice within the retention window.
    """
    services = info.context.services
    point = None if after is None else services.cursors.decode(after)
    wants = _wants(info.context.viewer, _keys(ids), owner_id and key_of("User", owner_id))

    def row(change: Change) -> ItemChangeRow:
        cursor = services.cursors.encode(change)
        return ItemChangeRow(change.kind, change.key, change.position, cursor)

    client = client_of(services.budget, info.context.viewer.audience)
    return await services.hub.feed(wants, row, after=point, client=client)


async def item(changes: Sequence[ItemChangeRow], info: Info) -> list[ItemRow | None]:
    """The item as the viewer may see it now; null once it is deleted or no longer visible."""
    rows = await info.context.loaders.item_by_id.load_many([change.key for change in changes])
    return [visible_item(info.context.viewer, row) for row in rows]


def _wants(viewer: Viewer, keys: frozenset[int] | None, owner_id: int | str | None) -> Wants:
    """Changes of items that were or are in the subscriber's sight, among those asked for."""

    def wants(change: Change) -> bool:
        if change.entity != "Item" or (keys is not None and change.key not in keys):
            return False
        sides = [side for side in (change.before, change.after) if side is not None]
        return any(
            _saw(viewer, side) and (owner_id is None or side["owner_id"] == owner_id)
            for side in sides
        )

    return wants


def _saw(viewer: Viewer, side: dict[str, Any]) -> bool:
    return side["status"] == ItemStatus.PUBLISHED or viewer.sees_all_of(side["owner_id"])


def _keys(ids: list[str] | None) -> frozenset[int] | None:
    if ids is None:
        return None
    return frozenset(key_of("Item", id) for id in ids)
