"""Sizes of values in memory, for caches."""

from datetime import datetime
from sys import getsizeof
from types import FunctionType
from typing import Any

import msgspec

_WITHOUT_CONTENTS = frozenset(
    {str, int, bytes, bool, float, datetime, type, FunctionType, type(None)}
)
"""Types that are checked for first, since a value is weighed for each page that is kept."""


def weight_of(value: Any) -> int:
    """Returns the bytes of a value of texts, numbers, collections and structs, contents included.

    Parts shared with other values are counted in full. Of any other object only the object itself
    is counted.
    """
    size_bytes = getsizeof(value)
    if type(value) in _WITHOUT_CONTENTS:
        return size_bytes
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            size_bytes += weight_of(getattr(value, name))
    elif isinstance(value, tuple | list | set | frozenset):
        for member in value:
            size_bytes += weight_of(member)
    elif isinstance(value, dict):
        for key in value:
            size_bytes += weight_of(key) + weight_of(value[key])
    return size_bytes
