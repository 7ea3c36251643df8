"""How listening to changes ends before the listener wants it to.

FieldError
├── CursorExpired       CURSOR_EXPIRED
└── Unavailable         UNAVAILABLE (the hub has stopped)
"""

from weft.errors import FieldError


class CursorExpired(FieldError):
    """The log no longer holds, or never held, what follows the cursor: a restore may undo it."""

    code = "CURSOR_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "Changes after this cursor are no longer kept. Fetch again and subscribe without it."
        )
