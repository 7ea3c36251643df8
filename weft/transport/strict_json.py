"""Strict JSON: refuses what different parsers read differently, and what cannot be stored."""

import json
import re
from typing import Any

import msgspec

from weft.echo import echoed
from weft.errors import BadRequest

NESTING_LIMIT = 200
"""Levels of objects and lists. A fixed number, since the interpreter's limit varies by version."""
CONTAINERS_LIMIT = 10_000
"""Objects and lists in one JSON text: creating one takes far longer than reading a character."""

STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
NAME_END = re.compile(rb'"\s*:')
ESCAPED_NUL = b"\\u0000"
LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)

TOO_DEEP = "The JSON is nested too deeply."

_decode = msgspec.json.Decoder().decode


def decode(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises `BadRequest` for text that is no JSON (RFC 8259), for numbers out of range, lone
    surrogates, U+0000, more than NESTING_LIMIT levels or CONTAINERS_LIMIT objects and lists, and
    for an object that gives a name twice.
    """
    # The first count includes brackets in strings. Few texts have so many even then, so strings
    # are rarely removed.
    if (
        len(raw) > CONTAINERS_LIMIT
        and _containers(raw) > CONTAINERS_LIMIT
        and _containers(STRING.sub(b"", raw)) > CONTAINERS_LIMIT
    ):
        raise BadRequest(f"The JSON holds more than {CONTAINERS_LIMIT} objects and lists.")
    try:
        value = _decode(raw)
    except UnicodeDecodeError:
        raise BadRequest("The JSON is not valid UTF-8.") from None
    except msgspec.MsgspecError as error:
        if LONE_SURROGATE.search(raw):  # msgspec's own message is misleading here
            raise BadRequest("The JSON holds half of a surrogate pair.") from None
        raise BadRequest(f"The JSON cannot be read: {error}.") from None
    except RecursionError:
        raise BadRequest(TOO_DEEP) from None
    # If the value has as many names as the text has possible ends of names, none is repeated. A
    # string that contains such an end only causes the slower check.
    if len(NAME_END.findall(raw)) != _count_names(value):
        json.loads(raw, object_pairs_hook=_object_of_distinct_names)
    if ESCAPED_NUL in raw and (place := _place_of_nul(value, "$")) is not None:
        raise BadRequest(f"The character U+0000 is not allowed - at `{echoed(place)}`.")
    return value


def _containers(raw: bytes) -> int:
    return raw.count(b"[") + raw.count(b"{")


def _count_names(value: Any) -> int:
    """The number of names in all objects; raises BadRequest beyond NESTING_LIMIT levels."""
    names, depth = 0, 0
    level: list[Any] = [value]
    while level:
        depth += 1
        below: list[Any] = []
        for one in level:
            if one.__class__ is dict:
                names += len(one)
                below += one.values()
            elif one.__class__ is list:
                below += one
            else:
                continue
            if depth > NESTING_LIMIT:
                raise BadRequest(TOO_DEEP)
        level = below
    return names


def _object_of_distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise BadRequest("A name is given twice in one JSON object.")
    return names


def _place_of_nul(value: Any, place: str) -> str | None:
    """The path of the first U+0000, such as `$.variables.title`; None if there is none."""
    if isinstance(value, str):
        return place if "\0" in value else None
    if isinstance(value, dict):
        children = ((name, f"{place}.{name}") for name in value)
        if any("\0" in name for name in value):
            return f"{place}, in a name"
    elif isinstance(value, list):
        children = ((index, f"{place}[{index}]") for index in range(len(value)))
    else:
        return None
    found = (_place_of_nul(value[key], below) for key, below in children)
    return next((one for one in found if one is not None), None)
