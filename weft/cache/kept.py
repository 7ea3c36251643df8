"""Descriptions of the values in Redis, as `weft cache` shows them."""

import msgspec


class FieldContents(msgspec.Struct):
    """The number of a field's values in Redis, and their bytes."""

    values: int = 0
    bytes: int = 0


class ValueContents(msgspec.Struct, frozen=True):
    """One value and its viewer.

    `viewer` is empty for a value that all viewers share. The age counts from the value's snapshot.
    `written_since`: the tags of its group that were written since then, or read for the first time;
    if its own tag is among them, the value is invalid.
    """

    key: str
    viewer: str
    age_seconds: float
    expires_seconds: float
    written_since: list[str]
    value: str
