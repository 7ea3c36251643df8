"""Changes out of the columns of the log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from weft.changes.change import Change, ChangeKind

Sides = Mapping[str, msgspec.json.Decoder[Any]]
"""What reads the columns that were recorded of an entity, by its name."""

_ANY_SIDE = msgspec.json.Decoder(dict[str, Any])

_log = structlog.get_logger(__name__)


def change_row(
    sides: Sides,
    position: int,
    mark: bytes,
    entity: str,
    key: int,
    kind: str,
    before: str | None,
    after: str | None,
    at: datetime,
    xid: int,
) -> Change:
    """A change, which has what is declared for its entity; anything where nothing is declared.

    A row that cannot be read was not written by a trigger. It keeps its position, so that later
    changes do not wait for it, as a change of no entity, which no subscription selects.
    """
    decode = sides.get(entity, _ANY_SIDE).decode
    try:
        return Change(
            position,
            mark,
            entity,
            key,
            ChangeKind(kind),
            None if before is None else decode(before),
            None if after is None else decode(after),
            at,
            xid,
        )
    except (ValueError, msgspec.DecodeError):
        _log.error("unreadable_change", position=position, xid=xid)
        return Change(position, mark, "", key, ChangeKind.UPDATED, None, None, at, xid)
