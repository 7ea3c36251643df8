"""A change, as the log keeps it and as Redis carries it."""

import enum
from datetime import datetime
from typing import Any

import msgspec


class ChangeKind(enum.StrEnum):
    """What happened to a row."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


# A process remembers many. JSON holds no cycle, so the collector need not look through them.
class Change(msgspec.Struct, frozen=True, gc=False):
    """One write to one row, by a transaction that has committed.

    `position` counts all changes from 1 without a gap and is never given twice. `entity` is the
    GraphQL type of the row and `key` its id. `before` and `after` hold only the columns that were
    declared for the table, as JSON values; `before` is None when the row was created, `after` when
    it was deleted. `at` is the time of the write, not of the commit; `xid` its transaction.
    """

    position: int
    entity: str
    key: int
    kind: ChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    at: datetime
    xid: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Change])


def encode_changes(changes: list[Change]) -> bytes:
    """The message that the relay publishes for a batch."""
    return _encoder.encode(changes)


def decode_changes(message: bytes | str) -> list[Change]:
    """The batch of a message; msgspec.DecodeError if a relay of another release wrote it."""
    return _decoder.decode(message)
