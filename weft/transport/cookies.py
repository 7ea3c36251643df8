"""Sessions in cookies, for browsers: an ASGI application around the endpoint or the socket.

A browser adds cookies to every request, whichever page causes it. So cookies count only where the
page proves that it may call: over HTTP by the header `X-Session`, which no form, link or image can
send and which pages of other origins may not (a CORS preflight); on a socket by its Origin.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.auth.cookies import ACCESS_COOKIE, REFRESH_COOKIE, SessionCookies, use_cookies
from weft.errors import BadRequest
from weft.transport.answer import refusal, send_answer
from weft.transport.exchange import exchange_of
from weft.transport.headers import authorization_of, headers_of
from weft.transport.negotiation import HTML, JSON

HEADER = b"x-session"
USE, RENEW = b"cookie", b"renew"


class SessionHeaderMissing(BadRequest):
    """Cookies came without `X-Session`, the header that pages of other origins cannot send."""

    code = "SESSION_HEADER_MISSING"
    status = 403


class CookieSessions:
    """Turns the access token in a cookie into an Authorization header.

    `X-Session: cookie` authenticates a request by its cookies and lets the response set them.
    `renew` lets the response set them as well, but ignores the access token: it is for requests
    that begin or renew a session, whose access token may have expired. An Authorization header in
    the request takes precedence.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request or socket."""
        use_cookies(None)
        headers = headers_of(scope)
        if scope["type"] != "http":
            # `GraphQLSocket` refuses origins that may not connect.
            if headers.get(b"origin"):
                _sign(scope, headers, _tokens(scope))
        elif (session := headers.get(HEADER)) is not None:
            await self._serve(session, scope, receive, send)
            return
        elif not (authorization_of(headers) or _wants_page(scope, headers)) and _tokens(scope):
            text = "Send the header `X-Session: cookie`, without which cookies do not count."
            await send_answer(send, refusal(SessionHeaderMissing(text), JSON))
            return
        await self._application(scope, receive, send)

    async def _serve(self, session: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if session not in (USE, RENEW):
            text = "The header X-Session is `cookie` or `renew`."
            await send_answer(send, refusal(BadRequest(text), JSON))
            return
        tokens = _tokens(scope)
        if session == USE:
            _sign(scope, headers_of(scope), tokens)
        cookies = SessionCookies(tokens.get(REFRESH_COOKIE, b"").decode("latin-1"))
        use_cookies(cookies)
        exchange = exchange_of(scope)
        if exchange is not None:
            exchange.is_wrapped = True

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *cookies.close()]
            await send(message)

        await self._application(scope, receive, with_cookies)


def _tokens(scope: Scope) -> dict[bytes, bytes]:
    """The session's cookies that are not empty."""
    pairs = (
        pair.strip().partition(b"=")
        for name, value in scope["headers"]
        if name == b"cookie"
        for pair in value.split(b";")
    )
    ours = (ACCESS_COOKIE, REFRESH_COOKIE)
    return {name: token for name, _, token in pairs if name in ours and token}


def _sign(scope: Scope, headers: dict[bytes, bytes], tokens: Mapping[bytes, bytes]) -> None:
    if ACCESS_COOKIE in tokens and authorization_of(headers) is None:
        others = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
        scope["headers"] = [*others, (b"authorization", b"Bearer " + tokens[ACCESS_COOKIE])]


def _wants_page(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser opens the address as a page, which is served as to an anonymous viewer."""
    return scope["method"] in ("GET", "HEAD") and HTML.encode() in headers.get(b"accept", b"")
