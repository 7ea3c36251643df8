"""A browser's session: its tokens in cookies, which no script of the page can read.

`__Host-` (RFC 6265bis, 4.1.3.2) makes the browser accept such a cookie from this very host only,
over TLS, for all of its paths; so no other host of the domain can plant one.
"""

from contextvars import ContextVar

ACCESS_COOKIE = b"__Host-weft-access"
REFRESH_COOKIE = b"__Host-weft-refresh"
ATTRIBUTES = b"Path=/; Secure; HttpOnly; SameSite=Strict"

Header = tuple[bytes, bytes]


class SessionCookies:
    """The session cookies of one request, and those that its response sets."""

    def __init__(self, refresh_token: str) -> None:
        self.refresh_token = refresh_token
        """Empty if the browser sent none."""
        self.is_open = True
        """Whether the response has not begun, so that it can still set cookies."""
        self._set: list[Header] = []

    def keep(self, access_token: str, refresh_token: str, seconds: int) -> None:
        """Sets both tokens as cookies, which the browser keeps for `seconds`."""
        self._set = [
            _cookie(ACCESS_COOKIE, access_token, seconds),
            _cookie(REFRESH_COOKIE, refresh_token, seconds),
        ]

    def drop(self) -> None:
        """Deletes both cookies."""
        self.keep("", "", 0)

    def close(self) -> list[Header]:
        """Returns the headers of the response, which begins now."""
        self.is_open = False
        return self._set


_COOKIES: ContextVar[SessionCookies | None] = ContextVar("cookies", default=None)


def use_cookies(cookies: SessionCookies | None) -> None:
    """Sets what `session_cookies` returns in the context of this request."""
    _COOKIES.set(cookies)


def session_cookies() -> SessionCookies | None:
    """Returns the cookies of the request's session, if its response can still set them.

    None if the session is not kept in cookies.
    """
    cookies = _COOKIES.get()
    return cookies if cookies is not None and cookies.is_open else None


def _cookie(name: bytes, token: str, seconds: int) -> Header:
    return b"set-cookie", b"%b=%b; Max-Age=%d; %b" % (name, token.encode(), seconds, ATTRIBUTES)
