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
"""The longest message, other than `subscribe`, that is read after a client's budget is exhausted:
its pings are still answered, so its subscriptions go on."""

OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class CloseCode(IntEnum):
    """Why the server closes a socket. Clients reconnect after the codes marked with *."""

    GOING_AWAY = 1001  # *
    MESSAGE_TOO_BIG = 1009
    SERVICE_RESTART = 1012  # *, sent by the server at shutdown
    TRY_AGAIN_LATER = 1013  # *, also when the client reads too slowly: it then resumes
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403  # *
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429
    INTERNAL_SERVER_ERROR = 4500


class SocketClosed(Exception):
    """Raised to close the socket with this code and reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = brief(reason).encode()[:REASON_LIMIT_BYTES].decode(errors="ignore")


class ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    """The client's first message; `payload` may hold its Authorization."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Renews the Authorization if its payload has one; else a pong returns the payload."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, tag_field="type", tag="pong"):
    """Needs no reply, whether or not a ping preceded it."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    """Begins an operation of any type.

    The payload is validated with the operation, so that a fault in it is answered by an `error`
    message of this id, and the socket's other operations go on.
    """

    id: OperationId
    payload: Any = None
    """The JSON value, or why it was not read: a `BadRequest` of strict JSON, or a `RateLimited`."""


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
    """A client's message. Raises `SocketClosed` (4400) for anything else, and for JSON that
    `strict_json` refuses, unless the fault is in the payload of an operation.
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
    """A message of a client whose budget is exhausted, without reading long payloads.

    A `Subscribe` has the refusal as its payload. Raises `SocketClosed` as `decode`, and (1013) for
    other messages that are longer than UNPAID_BYTES.
    """
    try:
        return Subscribe(_decode_envelope(raw).id, refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(raw) > UNPAID_BYTES:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, refusal.message) from None
        return decode(raw)


def _with_faulty_payload(raw: bytes) -> Subscribe | None:
    """The operation, if its payload is the only fault; else None."""
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
    """The `next` message of one result, given as JSON."""
    return b'{"id":%b,"type":"next","payload":%b}' % (encode(operation_id), result)


def error_message(operation_id: str, errors: list[GraphQLFormattedError]) -> bytes:
    """The `error` message that ends an operation which was refused or failed."""
    return encode({"id": operation_id, "type": "error", "payload": errors})


def complete_message(operation_id: str) -> bytes:
    """The `complete` message that ends an operation."""
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
    """The reply to a ping, with its payload."""
    return encode(Pong(ping.payload) if ping.payload is not None else {"type": "pong"})
