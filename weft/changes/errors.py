"""How listening to changes ends before the listener wants it to.

FieldError
├── CursorExpired       CURSOR_EXPIRED
├── ListenerTooSlow     LISTENER_TOO_SLOW
└── Unavailable         UNAVAILABLE (the hub has stopped, or the log could not be read)
"""

from weft.errors import FieldError


class CursorExpired(FieldError):
    """The log no longer holds, or never held, what follows the cursor."""

    code = "CURSOR_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "Changes after this cursor are no longer kept. Fetch again and subscribe without it."
        )


class ListenerTooSlow(FieldError):
    """More changes were waiting for the listener than its queue holds."""

    code = "LISTENER_TOO_SLOW"

    def __init__(self) -> None:
        super().__init__("Changes came faster than they were read. Resume from your last cursor.")
