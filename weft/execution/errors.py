"""What clients see of errors: known errors as they are, all others masked."""

import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import ExecutionResult, GraphQLError, GraphQLFormattedError, OperationType
from graphql.error import GraphQLSyntaxError

from weft.echo import brief
from weft.errors import BadRequest, OperationNotAllowed, RequestError, WeftError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL_SERVER_ERROR"

_PLURALS = {
    OperationType.QUERY: "Queries",
    OperationType.MUTATION: "Mutations",
    OperationType.SUBSCRIPTION: "Subscriptions",
}

_REQUEST_CODES = frozenset({PARSE_FAILED, VALIDATION_FAILED, BAD_USER_INPUT, BadRequest.code})


class Refused(ExecutionResult):
    """A request that was refused before anything ran: its response has no `data`, not even null.

    GraphQL specification, section 7.1 "Response Format": a request error result.
    """

    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        """`code` is set on every error that has none yet."""
        for error in errors:
            error.extensions = {"code": code, **(error.extensions or {})}
        super().__init__(None, list(errors))


def refuse_parsing(error: GraphQLError) -> Refused:
    """Refuses a text that is no GraphQL document."""
    return Refused([error], PARSE_FAILED)


def refuse(error: GraphQLError) -> Refused:
    """Refuses a request for a `RequestError`, which is the error's original one."""
    assert isinstance(error.original_error, RequestError)
    return Refused([error], error.original_error.code)


def refuse_for(error: RequestError) -> Refused:
    """Refuses a request for an error that has no place in the document."""
    return refuse(GraphQLError(error.message, original_error=error))


def refuse_operation(message: str) -> Refused:
    """Refuses a valid document without the operation, or with one that cannot be run here."""
    return refuse_for(BadRequest(message))


def refuse_type(type_: OperationType) -> Refused:
    """Refuses an operation of a type that is not allowed here."""
    return refuse_for(OperationNotAllowed(f"{_PLURALS[type_]} are not allowed here."))


def format_error(error: GraphQLError) -> GraphQLFormattedError:
    """The client's view of an error: message, locations, path, and extensions with a `code`.

    The parts of a message that repeat the client's input are shortened here, for all transports.

    An error that is neither a `WeftError` nor one of GraphQL's own is masked; its exception is
    logged under the `id` that the client gets in `extensions`.
    """
    shown = _shown(error)
    if shown is None:
        shown = "Internal server error", {"code": INTERNAL, "id": _log(error)}
    message, extensions = shown
    formatted: GraphQLFormattedError = {"message": brief(message)}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = extensions
    return formatted


def _shown(error: GraphQLError) -> tuple[str, dict[str, Any]] | None:
    cause = error.original_error or error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, WeftError):
        return cause.message, cause.extensions
    if isinstance(error, GraphQLSyntaxError):
        return error.message, {"code": PARSE_FAILED}
    if error.path is None and (error.extensions or {}).get("code") in _REQUEST_CODES:
        return error.message, error.extensions or {}
    # graphql-core coerces the arguments of fields, and of @skip and @include, during execution.
    # Only the text distinguishes that error from one in completing the resolver's result, which is
    # the server's fault.
    if isinstance(cause, GraphQLError) and cause.message.startswith("Argument '"):
        return error.message, {"code": BAD_USER_INPUT}
    return None


def _log(error: GraphQLError) -> str:
    error_id = uuid.uuid4().hex
    structlog.get_logger().error(
        "unexpected_error",
        error_id=error_id,
        path=error.path,
        exc_info=error.original_error or error,
    )
    return error_id
