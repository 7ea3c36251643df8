"""One open socket of `graphql-transport-ws`: its handshake, its operations, its end."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import structlog
from graphql import ExecutionResult
from starlette.types import Receive, Scope, Send

from weft.echo import echoed
from weft.errors import BadRequest, RequestError, Unauthenticated, Unavailable
from weft.execution.errors import Refused
from weft.rates.budget import charged
from weft.telemetry.logs import REQUEST_ID
from weft.transport import messages
from weft.transport.broadcast import Membership
from weft.transport.gate import Viewer
from weft.transport.headers import authorization_of, headers_of, request_id_of
from weft.transport.limits import Rate, TooMany
from weft.transport.live import LiveSubscription
from weft.transport.messages import (
    ClientMessage,
    CloseCode,
    Complete,
    ConnectionInit,
    Ping,
    Pong,
    SocketClosed,
    Subscribe,
)
from weft.transport.outlet import Outlet, outlet_of
from weft.transport.rendered import Rendered
from weft.transport.request import from_value
from weft.transport.response import format_errors, format_exception
from weft.transport.service import LiveService

log = structlog.get_logger(__name__)

Encode = Callable[[ExecutionResult], bytes]


class SocketGone(Exception):
    """The client closed the socket, or it broke."""


class SocketSession:
    """Serves one socket. Every operation starts in its own task and ends with the socket.

    A subscription that has caught up needs no task: it is a member of a broadcast.
    """

    def __init__(self, service: LiveService, scope: Scope, receive: Receive, send: Send) -> None:
        self._service = service
        self._receive_event = receive
        self._outlet = outlet_of(scope, send, service.limits)
        self._socket_id = request_id_of(scope)
        self._authorization = authorization_of(headers_of(scope))
        self._operations: dict[str, asyncio.Task[None] | Membership] = {}
        self._operations_started = 0
        self._rate = Rate(service.limits.operations_per_second, asyncio.get_running_loop().time)
        self._credentials = asyncio.timeout(None)
        self._ending: SocketClosed | None = None
        self._viewer: Any = None
        self._unwatch: Callable[[], None] | None = None

    async def serve(self) -> None:
        """Serves the socket until it is closed, and cancels what still runs for it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._read_while_credentials_last(tasks)
        except* SocketGone:
            pass
        except* SocketClosed as ends:
            end = _first(ends)
            self._outlet.end(end.code, end.reason)
        finally:
            for operation in self._operations.values():
                operation.cancel()
        await self._outlet.ended()

    async def _read_while_credentials_last(self, tasks: asyncio.TaskGroup) -> NoReturn:
        try:
            async with self._credentials:
                await self._handshake()
                while True:
                    await self._take(await self._receive(), tasks)
        except TimeoutError:
            raise self._ending or SocketClosed(
                CloseCode.FORBIDDEN, "The credentials have expired"
            ) from None
        finally:
            self._dismiss()

    def _end(self, closed: SocketClosed) -> None:
        """Closes the socket; may be called from any task."""
        if self._ending is None and not self._credentials.expired():
            self._ending = closed
            self._credentials.reschedule(asyncio.get_running_loop().time())

    async def _handshake(self) -> None:
        try:
            async with asyncio.timeout(self._service.limits.init_timeout_seconds):
                message = await self._receive()
                while not isinstance(message, ConnectionInit):
                    if isinstance(message, Subscribe):
                        raise SocketClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
                    await self._answer(message)
                    message = await self._receive()
        except TimeoutError:
            raise SocketClosed(
                CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout"
            ) from None
        # Browsers cannot set headers on a socket, so the payload's Authorization comes first.
        given = messages.authorization_of_payload(message.payload)
        self._authorization = self._authorization if given is None else given
        viewer = await self._viewer_of(self._authorization)
        self._admit(viewer)
        self._outlet.write(messages.CONNECTION_ACK)

    async def _viewer_of(self, authorization: str | None) -> Viewer:
        try:
            return await self._service.gate.viewer(authorization)
        except Unauthenticated as error:
            raise SocketClosed(CloseCode.FORBIDDEN, error.message) from None
        except Unavailable as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, error.message) from None
        except Exception:
            log.exception("viewer_failed")
            raise SocketClosed(CloseCode.INTERNAL_SERVER_ERROR, "Internal server error") from None

    def _admit(self, viewer: Viewer) -> None:
        audience = self._service.gate.audience(viewer)
        if audience is not None and not self._service.viewers.take(audience):
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, "You have too many sockets open")
        self._viewer = self._service.gate.shared(viewer)
        self._watch(viewer)

    def _watch(self, viewer: Viewer) -> None:
        """Closes the socket when these credentials expire or are revoked."""
        if self._unwatch is not None:
            self._unwatch()
        self._unwatch = self._service.gate.watch(viewer, self._revoked)
        left = self._service.seconds_left(viewer)
        now = asyncio.get_running_loop().time()
        self._credentials.reschedule(None if left is None else now + left)

    def _revoked(self, reason: str) -> None:
        self._end(SocketClosed(CloseCode.FORBIDDEN, reason))

    def _dismiss(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            audience = self._service.gate.audience(self._viewer)
            if audience is not None:
                self._service.viewers.leave(audience)

    async def _take(self, message: ClientMessage, tasks: asyncio.TaskGroup) -> None:
        if isinstance(message, Subscribe):
            self._begin(message, tasks)
        elif isinstance(message, ConnectionInit):
            raise SocketClosed(
                CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests"
            )
        else:
            await self._answer(message)

    async def _answer(self, message: Ping | Pong | Complete) -> None:
        if isinstance(message, Ping):
            authorization = messages.authorization_of_payload(message.payload)
            if authorization is None:
                self._outlet.write(messages.pong_message(message))
            else:
                if not self._rate.allows():
                    raise SocketClosed(CloseCode.TRY_AGAIN_LATER, "Too many fresh credentials")
                await self._renew(authorization)
        elif isinstance(message, Complete):
            operation = self._operations.pop(message.id, None)
            if operation is not None:
                operation.cancel()

    async def _renew(self, authorization: str) -> None:
        """Replaces the credentials by fresh ones, of the same viewer and the same session."""
        if self._unwatch is None:
            raise SocketClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
        gate = self._service.gate
        self._service.note_renewal(gate.audience(self._viewer))
        viewer = await self._viewer_of(authorization)
        if gate.shared(viewer) != self._viewer:
            raise SocketClosed(CloseCode.FORBIDDEN, "These credentials are another viewer's")
        self._authorization = authorization
        self._watch(viewer)
        self._outlet.write(messages.PONG)

    def _begin(self, message: Subscribe, tasks: asyncio.TaskGroup) -> None:
        if message.id in self._operations:
            reason = f"Subscriber for {echoed(message.id)} already exists"
            raise SocketClosed(CloseCode.SUBSCRIBER_ALREADY_EXISTS, reason)
        limits = self._service.limits
        refusal = None
        if len(self._operations) >= limits.operations:
            refusal = BadRequest(f"A socket may have {limits.operations} operations under way.")
        elif not self._rate.allows():
            refusal = TooMany(
                f"A socket may begin {limits.operations_per_second:g} operations a second."
            )
        if refusal is not None:
            self._outlet.write(messages.error_message(message.id, [format_exception(refusal)]))
            return
        self._operations_started += 1
        request_id = f"{self._socket_id}.{self._operations_started}"
        self._operations[message.id] = tasks.create_task(self._run(message, request_id))

    async def _run(self, message: Subscribe, request_id: str) -> None:
        """Runs one operation until it ends or becomes a member of a broadcast."""
        REQUEST_ID.set(request_id)
        try:
            last = await self._execute(message, request_id)
        except SocketClosed as closed:
            self._end(closed)
            return
        except Exception as error:
            last = messages.error_message(message.id, [format_exception(error)])
        if isinstance(last, Membership):
            self._operations[message.id] = last
        elif self._operations.get(message.id) is asyncio.current_task():
            self.finish(message.id, last)
            await self._outlet.drained()

    def finish(self, operation_id: str, last: bytes) -> None:
        """Ends an operation with its last message."""
        # First free the id: the client may reuse it as soon as it has read the last message.
        self._operations.pop(operation_id, None)
        self._outlet.write(last)

    async def _execute(self, message: Subscribe, request_id: str) -> bytes | Membership:
        """Sends results; returns the message that ends the operation, or its `Membership`."""
        service = self._service
        if isinstance(message.payload, RequestError):
            raise message.payload
        asked = from_value(message.payload)
        # Checked for every operation: a session that was revoked meanwhile cannot begin one.
        viewer = await self._viewer_of(self._authorization)
        request = await service.documents.complete(asked, charged(service.budget, None))
        opened = await service.open(request, viewer, request_id)
        if isinstance(opened, Refused):
            return messages.error_message(message.id, format_errors(opened.errors or ()))
        sink = _OperationSink(message.id, self, self._outlet, service.encode)
        if isinstance(opened, LiveSubscription):
            membership = await opened.follow(sink)
            if membership is not None:
                return membership
        else:
            await sink.send_result(opened)
        return messages.complete_message(message.id)

    async def _receive(self) -> ClientMessage:
        event = await self._receive_event()
        if event["type"] == "websocket.disconnect":
            raise SocketGone
        text = event.get("text")
        if text is None:
            raise SocketClosed(CloseCode.BAD_REQUEST, "Messages are text, not binary")
        return self._service.read(text.encode())


class _OperationSink:
    """The `Sink` of one operation: writes its results to the socket, under its id."""

    __slots__ = ("_connection", "_encode", "_id", "_outlet")

    def __init__(
        self, operation_id: str, connection: SocketSession, outlet: Outlet, encode: Encode
    ) -> None:
        self._encode = encode
        self._id = operation_id
        self._connection = connection
        self._outlet = outlet

    async def send_result(self, result: ExecutionResult) -> None:
        self._outlet.write(messages.next_message(self._id, self._encode(result)))
        await self._outlet.drained()

    async def send(self, rendered: Rendered) -> None:
        self._outlet.write(rendered.message(self._id))
        await self._outlet.drained()

    def push(self, rendered: Rendered) -> None:
        self._outlet.write(rendered.message(self._id))

    def finish(self, error: Exception) -> None:
        self._connection.finish(
            self._id, messages.error_message(self._id, [format_exception(error)])
        )


def _first(ends: BaseExceptionGroup[SocketClosed]) -> SocketClosed:
    end = ends.exceptions[0]
    assert isinstance(end, SocketClosed)  # a task group does not nest what its tasks raise
    return end
