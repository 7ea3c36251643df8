"""GraphQL results and errors as the bytes that go out."""

from collections.abc import Sequence
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLFormattedError

from weft.errors import RateLimited, RequestError, ResponseTooLarge, Unavailable
from weft.execution.errors import Refused, format_error
from weft.rates.budget import UNCHARGED_BYTES, Client, charge_response
from weft.transport.negotiation import JSON

ANSWER_LIMIT_BYTES = 10_000_000

_encode = msgspec.json.Encoder().encode


def encode_result(result: ExecutionResult) -> bytes:
    """The response of one execution; errors first, as the specification suggests."""
    if not result.errors:
        if not result.extensions:
            return _encode({"data": result.data})
        return _encode({"data": result.data, "extensions": result.extensions})
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = format_errors(result.errors)
    if not isinstance(result, Refused):
        response["data"] = result.data
    if result.extensions:
        response["extensions"] = result.extensions
    return _encode(response)


def encode_within(result: ExecutionResult, limit_bytes: int, client: Client) -> bytes:
    """As `encode_result`, but for what `weighed` makes of a long response."""
    response = encode_result(result)
    if len(response) <= UNCHARGED_BYTES:
        return response
    return weighed(result, response, limit_bytes, client)[1]


def weighed(
    result: ExecutionResult, response: bytes, limit_bytes: int, client: Client
) -> tuple[ExecutionResult, bytes]:
    """A result and its long response, which is charged; RESPONSE_TOO_LARGE if it is too long."""
    charge_response(client, len(response))
    if len(response) <= limit_bytes:
        return result, response
    error = ResponseTooLarge(limit_bytes)
    refused = ExecutionResult(None, [GraphQLError(error.message, original_error=error)])
    return refused, encode_result(refused)


def encode_refusal(error: Exception) -> bytes:
    """The response to a request that `error` kept from being executed."""
    return _encode({"errors": [format_exception(error)]})


def format_errors(errors: Sequence[GraphQLError]) -> list[GraphQLFormattedError]:
    """The errors as the client may see them; whatever is unknown is masked and logged."""
    return [format_error(error) for error in errors]


def format_exception(error: Exception) -> GraphQLFormattedError:
    """Any exception as an error of the whole request, or of the place that it has."""
    if isinstance(error, GraphQLError):
        return format_error(error)
    return format_error(GraphQLError(str(error), original_error=error))


def raise_if_limited(result: ExecutionResult) -> None:
    """Raises the limit that an operation ran into, if nothing is left of the operation then."""
    if not result.errors or result.data is not None:
        return
    for error in result.errors:
        if isinstance(error.original_error, RateLimited):
            raise error.original_error


def status_of(error: Exception) -> int:
    """The HTTP status for a request that `error` kept from being executed."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, Unavailable) else 500


def status_of_result(result: ExecutionResult, media_type: str) -> int:
    """The HTTP status of a well-formed request's answer ("GraphQL over HTTP", Status Codes).

    `application/json` says 200 even to a refusal, since there a client cannot tell our 400 from
    that of a proxy.
    """
    return 400 if isinstance(result, Refused) and media_type != JSON else 200
