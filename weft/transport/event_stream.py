"""An operation's results as server-sent events: "distinct connections mode" of graphql-sse.

The protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md; the stream:
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections import deque
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager, suppress

from graphql import ExecutionResult, OperationType
from starlette.types import Receive, Scope, Send

from weft.rates.budget import current_client
from weft.transport.disconnect import ClientGone, ClientWatch
from weft.transport.exchange import STREAM
from weft.transport.gate import Viewer
from weft.transport.headers import address_of, headers_of, request_id_of
from weft.transport.live import LiveSubscription
from weft.transport.rendered import Rendered
from weft.transport.request import GraphQLRequest
from weft.transport.response import encode_refusal, encode_within
from weft.transport.service import LiveService

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
    (b"x-content-type-options", b"nosniff"),
)


class EventStream:
    """One response. The id of an event is its cursor; `Last-Event-ID` resumes after it.

    The stream ends without `complete` when the credentials expire or are revoked, when the server
    stops and when the client reads too slowly. Clients then reconnect and resume.
    """

    def __init__(self, service: LiveService, scope: Scope, receive: Receive, send: Send) -> None:
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send_event = send
        self._wire = scope.get("extensions", {}).get(STREAM)
        self._queue: deque[bytes] = deque()
        self._queue_bytes = 0
        self._arrived = asyncio.Event()
        self._over = False
        self._credentials = asyncio.timeout(None)

    async def serve(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        authorization: str | None,
        *,
        allow: Collection[OperationType],
    ) -> None:
        """Sends the stream. Raises `TooMany` before it begins, `ClientGone` during it."""
        audience = self._service.gate.audience(viewer)
        with ExitStack() as places:
            places.enter_context(self._service.addresses.place(address_of(self._scope)))
            if audience is not None:
                places.enter_context(self._service.viewers.place(audience))
            await self._send_event(
                {"type": "http.response.start", "status": 200, "headers": list(HEADERS)}
            )
            with ClientWatch(self._receive), suppress(TimeoutError):
                async with self._credentials:
                    with self._watching(viewer):
                        await self._write(COMMENT)
                        await self._run(request, authorization, allow)
            await self._send_event({"type": "http.response.body", "body": b""})

    @contextmanager
    def _watching(self, viewer: Viewer) -> Generator[None]:
        """Within the block, the stream ends with the credentials and at a shutdown."""
        left = self._service.seconds_left(viewer)
        if left is not None:
            self._credentials.reschedule(asyncio.get_running_loop().time() + left)
        unwatch = self._service.gate.watch(viewer, lambda _reason: self._end())
        if self._wire is not None:
            self._wire.shutdown_spread_seconds = self._service.limits.shutdown_spread_seconds
            self._wire.on_shutdown = self._end
        try:
            yield
        finally:
            unwatch()
            if self._wire is not None:
                self._wire.on_shutdown = None

    def _end(self) -> None:
        if not self._over and not self._credentials.expired():
            self._over = True
            self._credentials.reschedule(asyncio.get_running_loop().time())

    async def _run(
        self,
        request: GraphQLRequest,
        authorization: str | None,
        allow: Collection[OperationType],
    ) -> None:
        after = headers_of(self._scope).get(b"last-event-id", b"").decode("latin-1")
        try:
            # Read again, since it may have been revoked before `_watching` began.
            viewer = await self._service.gate.viewer(authorization)
            opened = await self._service.open(
                request, viewer, request_id_of(self._scope), allow=allow, after=after or None
            )
            if not isinstance(opened, LiveSubscription):
                await self.send_result(opened)
                await self._write(COMPLETE)
                return
            membership = await opened.follow(self)
            if membership is None:
                await self._write(COMPLETE)
                return
        except ClientGone:
            raise
        except Exception as error:
            await self._write(_next(encode_refusal(error)) + COMPLETE)
            return
        try:
            await self._pump()
        finally:
            membership.cancel()

    async def _pump(self) -> None:
        while True:
            if self._queue:
                data = b"".join(self._queue)
                self._queue.clear()
                self._queue_bytes = 0
                await self._write(data)
            elif self._over:
                return
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(self._service.limits.keep_alive_seconds):
                await self._arrived.wait()
        except TimeoutError:
            self._queue.append(COMMENT)

    async def send_result(self, result: ExecutionResult) -> None:
        """As `Sink.send_result`."""
        client = current_client(self._service.budget)
        response = encode_within(result, self._service.answer_limit_bytes, client)
        await self._write(_next(response))

    async def send(self, rendered: Rendered) -> None:
        """As `Sink.send`."""
        await self._write(rendered.event)

    def push(self, rendered: Rendered) -> None:
        """As `Sink.push`. Drops the connection if more than `buffer_bytes` wait on it."""
        self._queue.append(rendered.event)
        self._queue_bytes += len(rendered.event)
        self._arrived.set()
        if self._queue_bytes > self._service.limits.buffer_bytes:
            self._cut()

    def finish(self, error: Exception) -> None:
        """As `Sink.finish`."""
        self._queue.append(_next(encode_refusal(error)) + COMPLETE)
        self._over = True
        self._arrived.set()

    def _cut(self) -> None:
        self._queue.clear()
        self._end()
        if self._wire is not None:
            self._wire.cut()

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._service.limits.stall_seconds):
                await self._send_event(
                    {"type": "http.response.body", "body": data, "more_body": True}
                )
        except TimeoutError:
            self._cut()
            raise ClientGone from None


def _next(result: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % result
