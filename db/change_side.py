"""What changes of each recorded table have, before and after."""

import msgspec

from db.accounts.session import SessionSide
from db.accounts.user import UserSide
from db.item import ItemSide
from weft.postgres.change_row import Sides

CHANGE_SIDES: Sides = {
    "Item": msgspec.json.Decoder(ItemSide),
    "User": msgspec.json.Decoder(UserSide),
    "Session": msgspec.json.Decoder(SessionSide),
}
