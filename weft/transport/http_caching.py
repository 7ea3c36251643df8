"""Responses that any cache may store: those to anonymous GETs of documents named by an id or hash.

HTTP caching is RFC 9111; ETag and If-None-Match are RFC 9110, sections 8.8.3 and 13.1.2.
"""

from hashlib import sha256

from weft.transport.headers import Header, authorization_of

VARY = (b"vary", b"accept, authorization, cookie")
TAG_LENGTH = 32


def is_public(headers: dict[bytes, bytes]) -> bool:
    """Whether the request has no credentials, so that its response is the same for everyone."""
    return authorization_of(headers) is None and b"cookie" not in headers


def keepable(
    headers: dict[bytes, bytes], body: bytes, max_age_seconds: int
) -> tuple[bool, list[Header]]:
    """Whether the client has this body already (304), and the headers for either status."""
    tag = etag(body)
    control = b"public, max-age=%d, must-revalidate" % max_age_seconds
    return knows(headers, tag), [(b"cache-control", control), (b"etag", tag), VARY]


def etag(body: bytes) -> bytes:
    """The entity tag of a body: a quoted hash."""
    return b'"%b"' % sha256(body).hexdigest()[:TAG_LENGTH].encode()


def knows(headers: dict[bytes, bytes], tag: bytes) -> bool:
    """Whether If-None-Match has this tag or `*`; weak tags match as well."""
    given = headers.get(b"if-none-match", b"")
    return given.strip() == b"*" or tag in [
        one.strip().removeprefix(b"W/") for one in given.split(b",")
    ]
