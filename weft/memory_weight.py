"""What values take in memory, for whoever keeps them."""

from sys import getsizeof
from typing import Any

import msgspec


def weight_of(value: Any) -> int:
    """The bytes of a value made of texts, numbers, collections and structs, with all that it holds.

    What it shares with others is counted as its own. Of any other object only the object itself is
    counted.
    """
    if isinstance(value, tuple | list | set | frozenset):
        return getsizeof(value) + sum(map(weight_of, value))
    if isinstance(value, dict):
        return getsizeof(value) + sum(weight_of(key) + weight_of(value[key]) for key in value)
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__
        return getsizeof(value) + sum(weight_of(getattr(value, name)) for name in fields)
    return getsizeof(value)
