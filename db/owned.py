"""What belongs to users, and what becomes of it when its owner is deleted; a line for each noun."""

from typing import NamedTuple

from db.item_owner import DELETE_ITEMS_OF_OWNER, MOVE_ITEMS
from weft.postgres.statement import Statement


class Owned(NamedTuple):
    """Statements that take the owner's `key` and return how many rows they wrote.

    `move` also takes `new_owner_id`. `name` is the plural, for the audit log.
    """

    name: str
    move: Statement[int]
    delete: Statement[int]


OWNED = (Owned("items", MOVE_ITEMS, DELETE_ITEMS_OF_OWNER),)
