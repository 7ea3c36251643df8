"""A fingerprint of a value's type, so that a release never reads values of another type."""

from hashlib import blake2b
from typing import Any, get_origin

import msgspec

SHAPE_BYTES = 3


def shape_of(value_type: Any) -> str:
    """The fingerprint, which changes with the type's fields, their order, names or types."""
    return blake2b(_text(value_type).encode(), digest_size=SHAPE_BYTES).hexdigest()


def _text(value_type: Any) -> str:
    plain = get_origin(value_type) or value_type
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        fields = msgspec.structs.fields(value_type)
        parts = ",".join(f"{field.encode_name}:{_text(field.type)}" for field in fields)
        return f"{plain.__qualname__}({parts})"
    arguments = getattr(value_type, "__args__", ())
    if arguments:
        return f"{value_type}[{','.join(map(_text, arguments))}]"
    return str(value_type)
