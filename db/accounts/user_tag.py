"""The tag of users in the cache, and what a write to one touches."""

from weft.changes.change import Change
from weft.postgres.own_writes import Write

ALL_USERS = "User.all"


def touched_by_user(write: Write | Change) -> list[str]:
    """The tags that a write to a user touches."""
    return [ALL_USERS]
