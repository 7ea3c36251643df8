"""Values that must not be shown: structs with a password, a token or a hash derive from this."""

from typing import Any

import msgspec


class Confidential(msgspec.Struct, frozen=True):
    """A struct whose `repr`, and so any log record of it, has its class name and no values."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
