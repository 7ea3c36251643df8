"""Global IDs: opaque to clients, `Type:key` inside (Relay's Global Object Identification)."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache

from weft.bounds import DECODED_IDS, ENCODED_IDS
from weft.declare.derived import OfAttribute
from weft.echo import echoed
from weft.errors import BadId

MAX_KEY = 2**63 - 1
MAX_LENGTH = 128
ENCODED_BYTES = 256
"""Bytes of one cached ID; to read it costs a quarter of encoding the key."""
DECODED_BYTES = 700
"""Bytes of one cached key, for the longest ID."""


def global_id(type_name: str) -> OfAttribute:
    """Returns a computation of a row's global ID from its `id`."""

    @lru_cache(ENCODED_IDS.entries(ENCODED_BYTES))
    def encode(key: int) -> str:
        return encode_id(type_name, key)

    return OfAttribute("id", encode)


def encode_id(type_name: str, key: int) -> str:
    """Returns the global ID of a key."""
    return b64encode(f"{type_name}:{key}".encode()).decode()


@lru_cache(DECODED_IDS.entries(DECODED_BYTES))
def decode_id(text: str) -> tuple[str, int]:
    """Returns the type and key of a global ID; raises BadId if this server never made it."""
    try:
        if len(text) > MAX_LENGTH:
            raise ValueError
        type_name, _, digits = b64decode(text, validate=True).decode().partition(":")
        if not (type_name.isidentifier() and digits.isascii() and digits.isdigit()):
            raise ValueError
        key = int(digits)
        if key > MAX_KEY or encode_id(type_name, key) != text:
            raise ValueError
    except (ValueError, Base64Error):
        raise BadId(f"{echoed(text)!r} is no ID of this server.") from None
    return type_name, key


def key_of(type_name: str, text: str) -> int:
    """Returns the key in a global ID of the given type.

    Raises BadId if the ID is malformed or of another type.
    """
    found, key = decode_id(text)
    if found != type_name:
        raise BadId(f"{text!r} is the ID of a {found}, not of a {type_name}.")
    return key
