"""What the transports read of a request's headers."""

from starlette.types import Scope


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name; the values of a repeated one are joined (RFC 9110, 5.3)."""
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        joined: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            joined.setdefault(name, []).append(value)
        return {name: b", ".join(values) for name, values in joined.items()}
    return headers


def authorization_of(headers: dict[bytes, bytes]) -> str | None:
    """The Authorization header's value, or None."""
    value = headers.get(b"authorization")
    return None if value is None else value.decode("latin-1")


def request_id_of(scope: Scope) -> str:
    """The id that `Front` gave the request; it is in its logs and in its answer's header."""
    return scope["state"]["request_id"]


def address_of(scope: Scope) -> str:
    """The client's network address; that of the nearest proxy where none is trusted."""
    client = scope.get("client")
    return client[0] if client else ""
