"""The ASGI scope of a request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from weft.server.request_head import RequestHead

ASGI = {"version": "3.0", "spec_version": "2.3"}


class ConnectionEnds(NamedTuple):
    """The two ends of a connection, and its scheme."""

    server: tuple[str, int | None]
    client: tuple[str, int] | None
    scheme: str

    @property
    def address(self) -> str | None:
        """The client's address; None if it has none, as on a Unix socket."""
        return self.client[0] if self.client else None


def ends_of(transport: asyncio.Transport) -> ConnectionEnds:
    """The ends of an open connection."""
    here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    # For a Unix socket, `here` is its path and `there` is empty.
    server = (here[0], here[1]) if isinstance(here, tuple) else (str(here), None)
    client = (there[0], there[1]) if isinstance(there, tuple) else None
    scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
    return ConnectionEnds(server, client, scheme)


def scope_of(
    kind: str, head: RequestHead, ends: ConnectionEnds, state: dict[str, Any]
) -> dict[str, Any]:
    """The scope of a request (`http`) or a socket (`websocket`); without extensions."""
    return {
        "type": kind,
        "asgi": ASGI,
        "http_version": head.version,
        "server": ends.server,
        "client": ends.client,
        "scheme": ends.scheme if kind == "http" else ends.scheme.replace("http", "ws"),
        "root_path": "",
        "method": head.method,
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query_string,
        "headers": head.headers,
        "state": state.copy(),
    }


def known_scope(
    known: Mapping[str, Any], ends: ConnectionEnds, state: dict[str, Any]
) -> dict[str, Any]:
    """The scope of a request on this connection, whose head is in the cache as `known`."""
    return {
        **known,
        "server": ends.server,
        "client": ends.client,
        "scheme": ends.scheme,
        "state": state.copy(),
    }
