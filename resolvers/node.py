"""Objects of any type by global ID."""

from collections.abc import Awaitable, Callable

from db.accounts.user import UserRow
from db.item import ItemRow
from resolvers.context import Info
from resolvers.item import visible_item
from weft.declare.identity import decode_id
from weft.errors import BadId

MAX_NODES = 100


async def _users(info: Info, keys: list[int]) -> list[UserRow | None]:
    return await info.context.loaders.user_by_id.load_many(keys)


async def _items(info: Info, keys: list[int]) -> list[ItemRow | None]:
    rows = await info.context.loaders.item_by_id.load_many(keys)
    return [visible_item(info.context.viewer, row) for row in rows]


Row = UserRow | ItemRow
LOADED: dict[str, Callable[[Info, list[int]], Awaitable[list[Row | None]]]] = {
    "User": _users,  # pyright: ignore[reportAssignmentType]
    "Item": _items,  # pyright: ignore[reportAssignmentType]
}


async def node(info: Info, id: str) -> Row | None:
    """The object with this ID; null if there is none that the viewer may see."""
    type_name, key = _place(id)
    return (await LOADED[type_name](info, [key]))[0]


async def nodes(info: Info, ids: list[str]) -> list[Row | BadId | None]:
    """The objects with these IDs, in order; null where the viewer may see none."""
    found: list[Row | BadId | None] = [None] * len(ids)
    wanted: dict[str, list[tuple[int, int]]] = {}
    for index, id in enumerate(ids):
        try:
            type_name, key = _place(id)
            wanted.setdefault(type_name, []).append((index, key))
        except BadId as error:
            found[index] = error
    for type_name, places in wanted.items():
        rows = await LOADED[type_name](info, [key for _, key in places])
        for (index, _), row in zip(places, rows, strict=True):
            found[index] = row
    return found


def _place(id: str) -> tuple[str, int]:
    type_name, key = decode_id(id)
    if type_name not in LOADED:
        raise BadId(f"There are no nodes of type {type_name}.")
    return type_name, key
