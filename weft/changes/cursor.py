"""Cursors of the change log: positions that only a holder of the secret can make or read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from weft.echo import echoed
from weft.errors import BadCursor

KEY_BYTES = 64
POSITION_BYTES = 8
CURSOR_LENGTH = 32
"""Of the base64: 16 bytes that prove the cursor, 8 that hide its position."""


class Cursors:
    """Positions as text, by AES-SIV (RFC 5297): hidden, proven, and one text for each position.

    Every process with the same secret gives the same cursor to a change, and two cursors tell
    nobody how many changes lie between them. `secret` makes cursors; those that one of `previous`
    made are read as well.
    """

    def __init__(self, secret: str, previous: Iterable[str] = ()) -> None:
        self._ciphers = [_cipher(each) for each in (secret, *previous)]

    def encode(self, position: int) -> str:
        """The cursor of a position."""
        sealed = self._ciphers[0].encrypt(position.to_bytes(POSITION_BYTES), None)
        return urlsafe_b64encode(sealed).decode()

    def decode(self, cursor: str) -> int:
        """The position of a cursor; BadCursor for what no server with these secrets gave out."""
        if len(cursor) == CURSOR_LENGTH:
            for cipher in self._ciphers:
                with suppress(InvalidTag, ValueError):
                    sealed = urlsafe_b64decode(cursor)
                    # It also reads the other base64, and over what is none.
                    if urlsafe_b64encode(sealed).decode() == cursor:
                        return int.from_bytes(cipher.decrypt(sealed, None))
        raise BadCursor(f"{echoed(cursor)!r} is no cursor of this server's live updates.")


def _cipher(secret: str) -> AESSIV:
    # A key of its own: whoever learnt it could still sign no token.
    key = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"weft change cursors")
    return AESSIV(key.derive(secret.encode()))
