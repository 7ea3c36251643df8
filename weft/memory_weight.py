"""Sizes of values in memory, for caches."""

from sys import getsizeof
from typing import Any

import msgspec


def weight_of(value: Any) -> int:
    """Returns the bytes of a value of texts, numbers, collections and structs, contents included.

    Parts shared with other values are counted in full. Of any other object only the object itself
    is counted.
    """
    if isinstance(value, tuple | list | set | frozenset):
        return getsizeof(value) + sum(map(weight_of, value))
    if isinstance(value, dict):
        return getsizeof(value) + sum(weight_of(key) + weight_of(value[key]) for key in value)
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__
        return getsizeof(value) + sum(weight_of(getattr(value, name)) for name in fields)
    return getsizeof(value)
