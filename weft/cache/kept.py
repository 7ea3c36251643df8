"""What is told of values that Redis keeps."""

import msgspec


class FieldContents(msgspec.Struct):
    """How many values of a field are kept, and their bytes."""

    values: int = 0
    bytes: int = 0


class ValueContents(msgspec.Struct, frozen=True):
    """One value and whose it is.

    `viewer` is empty for what everybody sees. The age counts from the value's snapshot.
    `written_since`: the tags beside it that were written since then, or read for the first time;
    if one of them is its own, the value counts no more.
    """

    key: str
    viewer: str
    age_seconds: float
    expires_seconds: float
    written_since: list[str]
    value: str
