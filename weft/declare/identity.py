"""Global IDs: opaque to clients, `Type:key` within (Relay's Global Object Identification)."""

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
"""What it takes to remember the global ID of a key, which costs a quarter of encoding it."""
DECODED_BYTES = 700
"""What it takes to remember the key of the longest ID."""


def global_id(type_name: str) -> OfAttribute:
    """Computes the global ID of a row, out of the row's `id`."""

    @lru_cache(ENCODED_IDS.entries(ENCODED_BYTES))
    def encode(key: int) -> str:
        return encode_id(type_name, key)

    return OfAttribute("id", encode)


def encode_id(type_name: str, key: int) -> str:
    """The global ID of a key."""
    return b64encode(f"{type_name}:{key}".encode()).decode()


@lru_cache(DECODED_IDS.entries(DECODED_BYTES))
def decode_id(text: str) -> tuple[str, int]:
    """The type and key of a global ID; BadId for what this server never made."""
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
    """The key in a global ID of the given type; BadId if it is malformed or of another type."""
    found, key = decode_id(text)
    if found != type_name:
        raise BadId(f"{text!r} is the ID of a {found}, not of a {type_name}.")
    return key
