"""Values that must not be shown: what holds a password, a token or a hash derives from this."""

from typing import Any

import msgspec


class Confidential(msgspec.Struct, frozen=True):
    """A struct whose `repr`, and so whatever is logged of it, says its name and nothing of it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
