"""Errors that end a listener before its reader closes it.

FieldError
├── CursorExpired       CURSOR_EXPIRED
└── Unavailable         UNAVAILABLE (the hub has stopped)
"""

from weft.errors import FieldError


class CursorExpired(FieldError):
    """The log no longer has, or never had, the changes after the cursor.

    A restore may have undone them.
    """

    code = "CURSOR_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "Changes after this cursor are no longer kept. Fetch again and subscribe without it."
        )
