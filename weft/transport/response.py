"""Encodes GraphQL results and errors as responses."""

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
    """The JSON response of one execution; errors first, as the specification suggests."""
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
    """As `encode_result`, but charges for a long response, and replaces one over `limit_bytes`."""
    response = encode_result(result)
    if len(response) <= UNCHARGED_BYTES:
        return response
    return weighed(result, response, limit_bytes, client)[1]


def weighed(
    result: ExecutionResult, response: bytes, limit_bytes: int, client: Client
) -> tuple[ExecutionResult, bytes]:
    """The result and its long response, which is charged; RESPONSE_TOO_LARGE over `limit_bytes`."""
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
    """The errors as the client may see them; unknown ones are masked and logged."""
    return [format_error(error) for error in errors]


def format_exception(error: Exception) -> GraphQLFormattedError:
    """Any exception as a GraphQL error, with locations and a path if it has them."""
    if isinstance(error, GraphQLError):
        return format_error(error)
    return format_error(GraphQLError(str(error), original_error=error))


def raise_if_limited(result: ExecutionResult) -> None:
    """Raises the `RateLimited` that an operation ran into, if the operation has no data."""
    if not result.errors or result.data is not None:
        return
    for error in result.errors:
        if isinstance(error.original_error, RateLimited):
            raise error.original_error


def status_of(error: Exception) -> int:
    """The HTTP status of a request that `error` kept from being executed."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, Unavailable) else 500


def status_of_result(result: ExecutionResult, media_type: str) -> int:
    """The HTTP status of the response to a well-formed request ("GraphQL over HTTP", Status Codes).

    In `application/json` even a refusal has status 200, since the client could not tell our 400
    from that of a proxy.
    """
    return 400 if isinstance(result, Refused) and media_type != JSON else 200
