"""The messages and close codes of `graphql-transport-ws`.

The protocol: https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md
"""

from enum import IntEnum
from typing import Annotated, Any

import msgspec
from graphql import GraphQLFormattedError

from weft.auth.tokens import credentials
from weft.echo import brief
from weft.errors import BadRequest, RateLimited
from weft.transport import strict_json

SUBPROTOCOL = "graphql-transport-ws"
REASON_LIMIT_BYTES = 123  # of a close frame: RFC 6455, 5.5

UNPAID_BYTES = 1_024
"""Longest of the messages that are read of a client that has spent its budget: pings and the like,
so that the subscriptions that it has go on."""

OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class CloseCode(IntEnum):
    """Why the server closes a socket. Clients reconnect after those marked with *."""

    GOING_AWAY = 1001  # *
    MESSAGE_TOO_BIG = 1009
    SERVICE_RESTART = 1012  # *, sent by the server at shutdown
    TRY_AGAIN_LATER = 1013  # *, also when the client reads too slowly: it is to resume
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403  # *
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429
    INTERNAL_SERVER_ERROR = 4500


class SocketClosed(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = brief(reason).encode()[:REASON_LIMIT_BYTES].decode(errors="ignore")


class ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    """The client's first message; `payload` may hold its Authorization."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """To be answered with a pong that repeats the payload, unless that renews the Authorization."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, tag_field="type", tag="pong"):
    """Needs no answer, also when nobody asked."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    """Begins an operation of any type.

    What the payload must be is for the operation to say, by an `error` message of this id: the
    socket's other operations go on.
    """

    id: OperationId
    payload: Any = None
    """JSON, or why it is not read: the `BadRequest` of strict JSON, or a spent budget."""


class _Envelope(msgspec.Struct, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: msgspec.Raw


class Complete(msgspec.Struct, tag_field="type", tag="complete"):
    """Ends an operation; from either side."""

    id: OperationId


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete

encode = msgspec.json.Encoder().encode

CONNECTION_ACK = b'{"type":"connection_ack"}'


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def decode(raw: bytes) -> ClientMessage:
    """A client's message. Raises `SocketClosed` (4400) for anything else, and for all that
    `strict_json` refuses outside of the payload of an operation.
    """
    try:
        return msgspec.convert(strict_json.decode(raw), ClientMessage)
    except msgspec.ValidationError as error:
        raise SocketClosed(CloseCode.BAD_REQUEST, str(error)) from None
    except BadRequest as error:
        message = _with_faulty_payload(raw)
        if message is None:
            raise SocketClosed(CloseCode.BAD_REQUEST, str(error)) from None
        return message


def decode_unpaid(raw: bytes, refusal: RateLimited) -> ClientMessage:
    """A message of a client that has spent its budget: nothing that is long is read any more.

    The refusal is an operation's payload. Raises `SocketClosed` as `decode`, and (1013) for other
    messages that are long.
    """
    try:
        return Subscribe(_decode_envelope(raw).id, refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(raw) > UNPAID_BYTES:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, refusal.message) from None
        return decode(raw)


def _with_faulty_payload(raw: bytes) -> Subscribe | None:
    """The operation whose payload is the only fault; None if there is another."""
    try:
        envelope = _decode_envelope(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    try:
        strict_json.decode(bytes(envelope.payload))
    except BadRequest as fault:
        return Subscribe(envelope.id, fault)
    return None


def next_message(operation_id: str, result: bytes) -> bytes:
    """One result of an operation, which is JSON already."""
    return b'{"id":%b,"type":"next","payload":%b}' % (encode(operation_id), result)


def error_message(operation_id: str, errors: list[GraphQLFormattedError]) -> bytes:
    """The operation was refused or broke off; no complete follows."""
    return encode({"id": operation_id, "type": "error", "payload": errors})


def complete_message(operation_id: str) -> bytes:
    """The operation has ended."""
    return encode({"id": operation_id, "type": "complete"})


PONG = b'{"type":"pong"}'


def authorization_of_payload(payload: dict[str, Any] | None) -> str | None:
    """The Authorization in a payload, None if there is none or it is empty.

    Raises `SocketClosed` if it is no string.
    """
    for name, value in (payload or {}).items():
        if name.lower() == "authorization" and value is not None:
            if not isinstance(value, str):
                raise SocketClosed(CloseCode.FORBIDDEN, "Authorization must be a string")
            if credentials(value) is not None:
                return value
    return None


def pong_message(ping: Ping) -> bytes:
    """The answer to a ping."""
    return encode(Pong(ping.payload) if ping.payload is not None else {"type": "pong"})
