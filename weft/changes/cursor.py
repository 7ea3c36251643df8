"""Cursors of the change log: points that only a server with the secret can make or read."""

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
"""Characters of base64, for 16 bytes that authenticate the cursor, 8 of its encrypted position and
6 of its mark."""
_LENGTH_WITHOUT_MARK = 32
"""Length of cursors of earlier releases, which do not say which history they belong to."""


class Cursors:
    """Encodes points as text by AES-SIV (RFC 5297): encrypted, authenticated, and deterministic.

    Every process with the same secret gives a change the same cursor, and two cursors do not reveal
    how many changes lie between them. Cursors are made with `secret`; those that were made with one
    of `previous` are read as well.
    """

    def __init__(self, secret: str, previous: Iterable[str] = ()) -> None:
        self._ciphers = [_cipher(each) for each in (secret, *previous)]

    def encode(self, point: Point) -> str:
        """Returns the cursor of a point."""
        named = point.position.to_bytes(POSITION_BYTES) + point.mark
        return urlsafe_b64encode(self._ciphers[0].encrypt(named, None)).decode()

    def decode(self, cursor: str) -> Point:
        """Returns the point of a cursor.

        Raises BadCursor for a text that no server with these secrets made, CursorExpired for a
        cursor without a mark.
        """
        if len(cursor) in (CURSOR_LENGTH, _LENGTH_WITHOUT_MARK):
            for cipher in self._ciphers:
                with suppress(InvalidTag, ValueError):
                    sealed = urlsafe_b64decode(cursor)
                    # Decoding also accepts the standard alphabet, and skips invalid characters.
                    if urlsafe_b64encode(sealed).decode() == cursor:
                        return _point(cipher.decrypt(sealed, None))
        raise BadCursor(f"{echoed(cursor)!r} is no cursor of this server's live updates.")


def _point(named: bytes) -> Point:
    if len(named) != POSITION_BYTES + MARK_BYTES:
        raise CursorExpired
    return Point(int.from_bytes(named[:POSITION_BYTES]), named[POSITION_BYTES:])


def _cipher(secret: str) -> AESSIV:
    # A derived key, so knowing it is not enough to sign an access token.
    key = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"weft change cursors")
    return AESSIV(key.derive(secret.encode()))
