"""Answers that everybody may keep: those to strangers' GETs of documents that are named.

HTTP caching is RFC 9111; ETag and If-None-Match are RFC 9110, sections 8.8.3 and 13.1.2.
"""

from hashlib import sha256

from weft.transport.headers import Header, authorization_of

VARY = (b"vary", b"accept, authorization, cookie")
TAG_LENGTH = 32


def is_public(headers: dict[bytes, bytes]) -> bool:
    """Whether nobody's credentials came with the request, so that anybody's answer is the same."""
    return authorization_of(headers) is None and b"cookie" not in headers


def keepable(
    headers: dict[bytes, bytes], body: bytes, max_age_seconds: int
) -> tuple[bool, list[Header]]:
    """Whether the client has this very answer already (304), and the headers of either answer."""
    tag = etag(body)
    control = b"public, max-age=%d, must-revalidate" % max_age_seconds
    return knows(headers, tag), [(b"cache-control", control), (b"etag", tag), VARY]


def etag(body: bytes) -> bytes:
    """What names this very body."""
    return b'"%b"' % sha256(body).hexdigest()[:TAG_LENGTH].encode()


def knows(headers: dict[bytes, bytes], tag: bytes) -> bool:
    """Whether the client says that it has the body of this tag, or any."""
    given = headers.get(b"if-none-match", b"")
    return given.strip() == b"*" or tag in [
        one.strip().removeprefix(b"W/") for one in given.split(b",")
    ]
