"""The parameters of a GraphQL request, read from a body, a query string or a socket's message."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import BODIES
from weft.errors import BadRequest
from weft.memory_weight import weight_of
from weft.transport import strict_json

PARAMETERS = frozenset({"query", "documentId", "operationName", "variables", "extensions"})
QUERY_STRING_FIELDS_LIMIT = 32
MUTATION = "mutation"


class GraphQLRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The parameters as "GraphQL over HTTP" names them; null counts as absent.

    `query` is empty where an id or hash names the document instead.
    """

    query: str = ""
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        named = (self.extensions or {}).get("persistedQuery")
        if self.query or self.document_id or named is not None:
            return
        raise ValueError("Object missing required field `query`")


def from_body(body: bytes) -> GraphQLRequest:
    """The request in a JSON body. Raises `BadRequest` if it is malformed."""
    if not body:
        raise BadRequest("The body is empty: send a JSON object with a `query`.")
    return from_value(strict_json.decode(body))


class Bodies:
    """Parses bodies, and caches the requests by their bytes.

    Only queries and subscriptions are cached, with scalar variables, which nothing can change.
    Mutations are not: their variables may hold a password.
    """

    def __init__(self, max_bytes: int = BODIES.max_bytes) -> None:
        self._known: BoundedCache[bytes, GraphQLRequest] = BoundedCache(BODIES.of(max_bytes))

    def __len__(self) -> int:
        return len(self._known)

    def read(self, body: bytes) -> tuple[GraphQLRequest, bool]:
        """The request in a body, which must not be changed, and whether it was cached.

        Raises as `from_body`.
        """
        request = self._known.get(body)
        return (from_body(body), False) if request is None else (request, True)

    def keep(self, body: bytes, request: GraphQLRequest, document: str) -> None:
        """Caches the request of a body, if it may be cached.

        `document` is the text of the request's document, also where the request only names it. The
        word `mutation` is searched in it, since every mutation begins with that keyword.
        """
        if request.extensions is None and MUTATION not in document and _is_flat(request.variables):
            self._known.put(body, request, weight_of(body) + weight_of(request))


def _is_flat(variables: dict[str, Any] | None) -> bool:
    return not any(value.__class__ in (dict, list) for value in (variables or {}).values())


def from_query_string(query_string: bytes) -> GraphQLRequest:
    """The request in a query string. `variables` and `extensions` are JSON; empty means absent.

    Raises `BadRequest` if it is malformed or gives a parameter twice.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_STRING_FIELDS_LIMIT,
        )
    except UnicodeError:
        raise BadRequest("The query string is not valid UTF-8.") from None
    except ValueError:
        raise BadRequest("The query string has too many parameters.") from None
    parameters: dict[str, Any] = {}
    for name, text in pairs:
        if name not in PARAMETERS:
            continue
        if name in parameters:
            raise BadRequest(f"The parameter `{name}` is given twice.")
        if "\0" in text:
            raise BadRequest("The character U+0000 is not allowed.")
        is_json = name in ("variables", "extensions") and text
        parameters[name] = strict_json.decode(text.encode()) if is_json else text or None
    return from_value(parameters)


def from_value(value: Any) -> GraphQLRequest:
    """The request in a JSON value. Raises `BadRequest` if it is none."""
    if isinstance(value, list):
        raise BadRequest("Batches are not supported: send one operation a request.")
    try:
        return msgspec.convert(value, GraphQLRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(f"This is no GraphQL request: {error}.") from None
