"""What is recorded in the change log: by noun, what a change has, and which tags it touches."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from db.accounts.session import SessionSide
from db.accounts.user import UserSide
from db.accounts.user_tag import touched_by_user
from db.item import ItemSide
from db.item_tag import touched_by_item
from weft.changes.change import Change
from weft.postgres.change_row import Sides
from weft.postgres.own_writes import Write

CHANGE_SIDES: Sides = {
    "Session": msgspec.json.Decoder(SessionSide),
    "User": msgspec.json.Decoder(UserSide),
    "Item": msgspec.json.Decoder(ItemSide),
}
TOUCHED: Mapping[str, Callable[[Write | Change], Sequence[str]]] = {
    "User": touched_by_user,
    "Item": touched_by_item,
}


def touched(write: Write | Change) -> Sequence[str]:
    """The tags of the cache that a write touches."""
    touched_by = TOUCHED.get(write.entity)
    return [] if touched_by is None else touched_by(write)
