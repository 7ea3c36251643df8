"""One open socket: its handshake, its operations, its end."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import structlog
from starlette.types import Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from weft.errors import BadRequest, Unauthenticated, Unavailable
from weft.execution.engine import Engine
from weft.execution.errors import Refused
from weft.transport import messages
from weft.transport.gate import Gate, Viewer
from weft.transport.headers import authorization_of, headers_of, request_id_of
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
from weft.transport.response import encode_result, format_errors, format_exception

log = structlog.get_logger(__name__)


class SocketGone(Exception):
    """The client closed the socket, or it broke."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one socket may use."""

    init_timeout_seconds: float = 10
    """How long it may stay open without `connection_init`."""
    message_limit_bytes: int = 1_048_576
    """The longest message that is read; the server's own limit comes first where it is lower."""
    operations: int = 100
    """How many operations may be under way at once."""


@dataclass(frozen=True, slots=True)
class Service:
    """What all sockets share."""

    engine: Engine
    gate: Gate[Any]
    deadline_seconds: float
    limits: SocketLimits
    clock: Callable[[], datetime]


class Connection:
    """Reads one socket; every operation runs in a task of its own, and ends with the socket.

    There is no queue to send from: an operation waits, with one message, while the client does not
    read, and so does whatever feeds it.
    """

    def __init__(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        self._service = service
        self._receive_event = receive
        self._send_event = send
        self._socket_id = request_id_of(scope)
        self._authorization = authorization_of(headers_of(scope))
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._operations_started = 0

    async def serve(self) -> None:
        """Serves the socket until it is closed; then nothing of it is left running."""
        try:
            async with asyncio.TaskGroup() as tasks:
                viewer = await self._handshake()
                await self._read_until_expiry(viewer, tasks)
        except* SocketGone:
            pass
        except* SocketClosed as ends:
            await self._close(_first(ends))

    async def _handshake(self) -> Viewer:
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
        self._take_authorization(message)
        viewer = await self._viewer()
        await self._send(messages.CONNECTION_ACK)
        return viewer

    def _take_authorization(self, message: ConnectionInit) -> None:
        """Browsers cannot set headers on a socket, so the payload's Authorization comes first."""
        for name, value in (message.payload or {}).items():
            if name.lower() == "authorization" and value is not None:
                if not isinstance(value, str):
                    raise SocketClosed(CloseCode.FORBIDDEN, "Authorization must be a string")
                self._authorization = value

    async def _viewer(self) -> Viewer:
        try:
            return await self._service.gate.viewer(self._authorization)
        except Unauthenticated as error:
            raise SocketClosed(CloseCode.FORBIDDEN, error.message) from None
        except Unavailable as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, error.message) from None
        except Exception:
            log.exception("viewer_failed")
            raise SocketClosed(CloseCode.INTERNAL_SERVER_ERROR, "Internal server error") from None

    async def _read_until_expiry(self, viewer: Viewer, tasks: asyncio.TaskGroup) -> NoReturn:
        expires_at = viewer.expires_at
        left = None
        if expires_at is not None:
            left = (expires_at - self._service.clock()).total_seconds()
        try:
            async with asyncio.timeout(left):
                while True:
                    await self._take(await self._receive(), tasks)
        except TimeoutError:
            raise SocketClosed(CloseCode.FORBIDDEN, "The credentials have expired") from None

    async def _take(self, message: ClientMessage, tasks: asyncio.TaskGroup) -> None:
        if isinstance(message, Subscribe):
            await self._begin(message, tasks)
        elif isinstance(message, ConnectionInit):
            raise SocketClosed(
                CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests"
            )
        else:
            await self._answer(message)

    async def _answer(self, message: Ping | Pong | Complete) -> None:
        if isinstance(message, Ping):
            await self._send(messages.pong_message(message))
        elif isinstance(message, Complete):
            operation = self._operations.pop(message.id, None)
            if operation is not None:
                operation.cancel()

    async def _begin(self, message: Subscribe, tasks: asyncio.TaskGroup) -> None:
        if message.id in self._operations:
            raise SocketClosed(
                CloseCode.SUBSCRIBER_ALREADY_EXISTS, f"Subscriber for {message.id} already exists"
            )
        if len(self._operations) >= self._service.limits.operations:
            refusal = BadRequest(
                f"A socket may have {self._service.limits.operations} operations under way."
            )
            await self._send(messages.error_message(message.id, [format_exception(refusal)]))
            return
        self._operations_started += 1
        request_id = f"{self._socket_id}.{self._operations_started}"
        self._operations[message.id] = tasks.create_task(self._run(message, request_id))

    async def _run(self, message: Subscribe, request_id: str) -> None:
        """Runs one operation to its end, and tells the client of it."""
        bind_contextvars(request_id=request_id)
        try:
            last = await self._execute(message, request_id)
        except (SocketGone, SocketClosed):
            raise
        except Exception as error:
            last = messages.error_message(message.id, [format_exception(error)])
        if self._operations.get(message.id) is asyncio.current_task():
            # The id is free again before the client can know that it is.
            del self._operations[message.id]
            await self._send(last)

    async def _execute(self, message: Subscribe, request_id: str) -> bytes:
        """Sends all results; returns the message that ends the operation."""
        service = self._service
        # Asked anew for every operation: a session that was revoked meanwhile has no more of them.
        context = service.gate.context(await self._viewer(), request_id)
        results = await service.engine.stream(
            message.payload.query,
            variables=message.payload.variables,
            operation_name=message.payload.operation_name,
            context=context,
            deadline_seconds=service.deadline_seconds,
        )
        if isinstance(results, Refused):
            return messages.error_message(message.id, format_errors(results.errors or ()))
        async with aclosing(results):
            async for result in results:
                await self._send(messages.next_message(message.id, encode_result(result)))
        return messages.complete_message(message.id)

    async def _receive(self) -> ClientMessage:
        event = await self._receive_event()
        if event["type"] == "websocket.disconnect":
            raise SocketGone
        text = event.get("text")
        if text is None:
            raise SocketClosed(CloseCode.BAD_REQUEST, "Messages are text, not binary")
        raw = text.encode()
        if len(raw) > self._service.limits.message_limit_bytes:
            limit = self._service.limits.message_limit_bytes
            raise SocketClosed(CloseCode.MESSAGE_TOO_BIG, f"Messages are at most {limit} bytes")
        return messages.decode(raw)

    async def _send(self, message: bytes) -> None:
        try:
            await self._send_event({"type": "websocket.send", "text": message.decode()})
        except (OSError, RuntimeError):
            # OSError is how ASGI says that the client is gone; RuntimeError, how uvicorn says that
            # it has itself given up a client that answered no pings.
            raise SocketGone from None

    async def _close(self, end: SocketClosed) -> None:
        try:
            await self._send_event(
                {"type": "websocket.close", "code": end.code, "reason": end.reason}
            )
        except (OSError, RuntimeError):
            return


def _first(ends: BaseExceptionGroup[SocketClosed]) -> SocketClosed:
    end = ends.exceptions[0]
    assert isinstance(end, SocketClosed)  # a task group does not nest what its tasks raise
    return end
