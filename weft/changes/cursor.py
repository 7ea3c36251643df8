"""Cursors of the change log: points that only a holder of the secret can make or read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from weft.changes.change import MARK_BYTES, Point
from weft.changes.errors import CursorExpired
from weft.echo import echoed
from weft.errors import BadCursor

KEY_BYTES = 64
POSITION_BYTES = 8
CURSOR_LENGTH = 40
"""Of the base64: 16 bytes that prove the cursor, 8 that hide its position, 6 its mark."""
_LENGTH_WITHOUT_MARK = 32
"""Of cursors that earlier releases gave out: nothing says which history they are of."""


class Cursors:
    """Points as text, by AES-SIV (RFC 5297): hidden, proven, and one text for each point.

    Every process with the same secret gives the same cursor to a change, and two cursors tell
    nobody how many changes lie between them. `secret` makes cursors; those that one of `previous`
    made are read as well.
    """

    def __init__(self, secret: str, previous: Iterable[str] = ()) -> None:
        self._ciphers = [_cipher(each) for each in (secret, *previous)]

    def encode(self, point: Point) -> str:
        """The cursor of a point."""
        named = point.position.to_bytes(POSITION_BYTES) + point.mark
        return urlsafe_b64encode(self._ciphers[0].encrypt(named, None)).decode()

    def decode(self, cursor: str) -> Point:
        """The point of a cursor; BadCursor for what no server with these secrets gave out.

        CursorExpired for a cursor without a mark.
        """
        if len(cursor) in (CURSOR_LENGTH, _LENGTH_WITHOUT_MARK):
            for cipher in self._ciphers:
                with suppress(InvalidTag, ValueError):
                    sealed = urlsafe_b64decode(cursor)
                    # It also reads the other base64, and over what is none.
                    if urlsafe_b64encode(sealed).decode() == cursor:
                        return _point(cipher.decrypt(sealed, None))
        raise BadCursor(f"{echoed(cursor)!r} is no cursor of this server's live updates.")


def _point(named: bytes) -> Point:
    if len(named) != POSITION_BYTES + MARK_BYTES:
        raise CursorExpired
    return Point(int.from_bytes(named[:POSITION_BYTES]), named[POSITION_BYTES:])


def _cipher(secret: str) -> AESSIV:
    # A key of its own: whoever learnt it could still sign no token.
    key = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"weft change cursors")
    return AESSIV(key.derive(secret.encode()))
