"""The outermost application: routes GraphQL past the framework, and treats both alike.

Request id, timing, trusted hosts, CORS and the body limit are handled here, once for the endpoint
and for the framework behind it.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from itertools import count
from time import perf_counter

from fastapi import HTTPException
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.errors import RateLimited
from weft.rates.address import CLIENT, counted_address
from weft.telemetry.logs import REQUEST_ID
from weft.transport.answer import PAID, delay_refusal, refused, send_answer
from weft.transport.exchange import exchange_of
from weft.transport.headers import POLICY, Stamp, headers_of
from weft.transport.negotiation import JSON
from weft.transport.origins import ANY, CrossOrigin, allowed_origins

HEALTH = "/health/"
CHECKS = frozenset({f"{HEALTH}live", f"{HEALTH}ready"})
PAGE_COST = 1_000
UNREAD_COST = 1
FIRST_REFUSED = 400
"""The lowest status that refuses a request."""
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
PREFLIGHT_SECONDS = 7200
GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
HARDENING = (
    POLICY,
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
SECURE_SCHEMES = frozenset({"https", "wss"})
VARY_ORIGIN = (b"vary", b"origin")
REFUSED_HANDSHAKES = frozenset({"websocket.close", "websocket.http.response.start"})


class Front:
    """The outermost ASGI application: sends `path` to `endpoint` or `socket`, else to `fallback`.

    - `cors_origins`: origins whose pages may call, such as `https://app.example.com`; `*` for all.
    - `credentials`: whether these pages may send cookies.
    - `allowed_hosts`: accepted Host headers, such as `api.example.com` or `*.example.com`; `*` for
      all. Paths below `/health/` accept any.
    - `body_limit_bytes`: the longest body that `fallback` receives; a longer one is answered 413.
    - `charge`: charges a request to `fallback`, by purpose and cost: each health check has its own
      purpose, all others are pages. If it raises `RateLimited`, the response is 429. A refusal or
      preflight that was not charged yet, such as that of a wrong Host, costs the address 1.
    """

    def __init__(
        self,
        endpoint: ASGIApp,
        socket: ASGIApp,
        fallback: ASGIApp,
        *,
        path: str = "/graphql",
        cors_origins: Collection[str] = (),
        credentials: bool = False,
        allowed_hosts: Collection[str] = ("*",),
        body_limit_bytes: int = 1_048_576,
        charge: Callable[[str, int], None] = lambda _purpose, _cost: None,
    ) -> None:
        self._charge = charge
        self._endpoint = endpoint
        self._socket = socket
        self._fallback = fallback
        self._path = path
        self._body_limit_bytes = body_limit_bytes
        allowed = allowed_origins(cors_origins)
        self._vary_on_origin = bool(allowed) and ANY not in allowed
        self._cross_origin = CrossOrigin(
            self._dispatch,
            allow_origins=tuple(allowed),
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_credentials=credentials,
            expose_headers=("X-Request-ID", "Server-Timing", "Retry-After"),
            max_age=PREFLIGHT_SECONDS,
        )
        self._trusted: ASGIApp = self._share
        if "*" not in allowed_hosts:
            self._trusted = TrustedHostMiddleware(
                self._share, allowed_hosts=list(allowed_hosts), www_redirect=False
            )
        # If true, only requests with an Origin header pass through any checks.
        self._treats_all_alike = "*" in allowed_hosts and not self._vary_on_origin
        self._id_prefix = secrets.token_hex(6)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of any kind."""
        if scope["type"] == "lifespan":
            await self._fallback(scope, receive, send)
            return
        headers = headers_of(scope)
        stamp = Stamp(
            self._request_id(headers), perf_counter(), scope.get("scheme") in SECURE_SCHEMES
        )
        REQUEST_ID.set(stamp.request_id)
        scope.setdefault("state", {}).update(request_id=stamp.request_id, stamp=stamp)
        exchange = exchange_of(scope)
        if exchange is not None:
            # The exchange writes past `send`, so headers that CORS adds need ASGI messages.
            exchange.is_wrapped = b"origin" in headers or self._vary_on_origin
        CLIENT.set(counted_address(scope, headers))
        is_open = scope["type"] == "http"

        def stamped(message: Message) -> Awaitable[None]:
            nonlocal is_open
            type_ = message["type"]
            if type_ == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *stamp.response_headers()]
                refuses = message["status"] >= FIRST_REFUSED or scope["method"] == "OPTIONS"
                if refuses and PAID not in scope:
                    return self._answer_unread(send, message)
            elif type_ == "websocket.accept":
                is_open = True
            elif not is_open and type_ in REFUSED_HANDSHAKES:
                return self._answer_unread(send, message)
            return send(message)

        await self._application(scope, headers)(scope, receive, stamped)

    def _application(self, scope: Scope, headers: dict[bytes, bytes]) -> ASGIApp:
        """The application for a request, with the checks that precede it."""
        path: str = scope["path"]
        is_alike = self._treats_all_alike and b"origin" not in headers
        if is_alike and path == self._path and scope["type"] == "http":
            return self._endpoint
        # Health checks often know only an address, not a host name.
        return self._share if path.startswith(HEALTH) else self._trusted

    async def _answer_unread(self, send: Send, message: Message) -> None:
        """Charges for a response and begins it; delayed if the address's budget is exhausted."""
        try:
            self._charge("address", UNREAD_COST)
        except RateLimited:
            await delay_refusal()
        await send(message)

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and GIVEN_ID.fullmatch(given):
            return given.decode()
        return f"{self._id_prefix}-{next(self._numbers):x}"

    def _share(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Applies CORS to a request that has an Origin."""
        if scope["type"] == "http":
            for name, _ in scope["headers"]:
                if name == b"origin":
                    return self._cross_origin(scope, receive, send)
            if self._vary_on_origin:
                send = _varying_on_origin(send)
        return self._dispatch(scope, receive, send)

    def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"] == self._path:
            application = self._endpoint if scope["type"] == "http" else self._socket
            return application(scope, receive, send)
        if scope["type"] == "http":
            send = _hardened(send)
            scope[PAID] = True
            try:
                self._charge(scope["path"] if scope["path"] in CHECKS else "page", PAGE_COST)
            except RateLimited as error:
                return _answer_refusal(send, error)
            receive = _limited(receive, scope, self._body_limit_bytes)
        return self._fallback(scope, receive, send)


async def _answer_refusal(send: Send, error: Exception) -> None:
    await send_answer(send, await refused(error, JSON))


def _varying_on_origin(send: Send) -> Send:
    def vary(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), VARY_ORIGIN]
        return send(message)

    return vary


def _hardened(send: Send) -> Send:
    """A `send` that adds each header of `HARDENING` that a response does not set itself."""

    def harden(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            said = {name for name, _ in headers}
            message["headers"] = headers + [pair for pair in HARDENING if pair[0] not in said]
        return send(message)

    return harden


def _limited(receive: Receive, scope: Scope, limit: int) -> Receive:
    """A `receive` that raises the framework's 413 for over `limit` bytes, announced or sent."""
    length = headers_of(scope).get(b"content-length", b"0")
    left = limit

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0 or int(length) > limit:
            raise HTTPException(413, f"The body has more than {limit} bytes.")
        return message

    return limited
