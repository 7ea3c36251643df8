"""Validates a request's head beyond its grammar, which httptools (llhttp) has checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import unquote

from weft.server.answer_head import Header
from weft.server.refusal import RequestRefused

HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|[A-Za-z0-9._~-]+)(?::([0-9]{0,5}))?")
ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)
HIGHEST_PORT = 65_535
SERVED_VERSIONS = frozenset({"1.0", "1.1"})


@dataclass(slots=True)
class RequestHead:
    """A head that can be served; names of `headers` are in lower case."""

    method: str
    target: bytes
    version: str
    headers: list[Header]
    path: str
    raw_path: bytes
    query_string: bytes
    expects_continue: bool
    has_body: bool
    """Whether Content-Length or Transfer-Encoding announces one, even an empty chunked one."""

    def asks_for_websocket(self) -> bool:
        """Whether a request for an upgrade is a WebSocket handshake."""
        protocols = [
            protocol.strip().lower()
            for name, value in self.headers
            if name == b"upgrade"
            for protocol in value.split(b",")
        ]
        return self.method == "GET" and self.version == "1.1" and b"websocket" in protocols

    def without_upgrade(self) -> bytes:
        """The head as bytes, without Upgrade, to be parsed again as plain HTTP/1.1."""
        lines = [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"]
        first = b"%b %b HTTP/%b\r\n" % (self.method.encode(), self.target, self.version.encode())
        return b"".join((first, *lines, b"\r\n"))


def read_head(method: bytes, target: bytes, version: str, headers: list[Header]) -> RequestHead:
    """The head of a request that can be served. Raises `RequestRefused` for any other.

    RFC 9112: 2.3 (version), 3.2 (target and Host), 6.1 (Transfer-Encoding).
    """
    if version not in SERVED_VERSIONS:
        raise RequestRefused(400, "Speak HTTP/1.1.")
    if method == b"CONNECT":
        raise RequestRefused(400, "CONNECT is for proxies.")
    given: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        given.setdefault(name, []).append(value)
    _check_host(given.get(b"host", []), version)
    codings = given.get(b"transfer-encoding", [])
    _check_codings(codings, version)
    local, host = _local(target, method)
    if host is not None:
        # The host in the target overrides the header (RFC 9112, 3.2.2).
        headers = [pair for pair in headers if pair[0] != b"host"] + [(b"host", host)]
    raw_path, _, query_string = local.partition(b"?")
    path = raw_path.decode("ascii")
    lengths, expected = given.get(b"content-length", []), given.get(b"expect", [])
    return RequestHead(
        method=method.decode("ascii"),
        target=target,
        version=version,
        headers=headers,
        path=unquote(path) if "%" in path else path,
        raw_path=raw_path,
        query_string=query_string,
        expects_continue=version == "1.1" and [v.lower() for v in expected] == [b"100-continue"],
        has_body=bool(codings) or any(length.strip(b"0") for length in lengths),
    )


def _local(target: bytes, method: bytes) -> tuple[bytes, bytes | None]:
    """The path and query of a target, and its host; None if it names none."""
    if b"#" in target:
        raise RequestRefused(400, "A target has no fragment.")
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None:
        if not target.startswith(b"/") and (target, method) != (b"*", b"OPTIONS"):
            raise RequestRefused(400, "The target is neither a path nor a URL.")
        return target, None
    host, local = absolute.groups()
    if not _is_host(host):
        raise RequestRefused(400, "The target's host is not valid.")
    return local if local.startswith(b"/") else b"/" + local, host


def _check_host(hosts: list[bytes], version: str) -> None:
    if len(hosts) > 1:
        raise RequestRefused(400, "There is more than one Host header.")
    if not hosts:
        if version == "1.1":
            raise RequestRefused(400, "There is no Host header.")
    elif not _is_host(hosts[0]):
        raise RequestRefused(400, "The Host header is not valid.")


def _is_host(text: bytes) -> bool:
    """Whether the text is a name or an address, with or without a port (RFC 3986, 3.2.2).

    Characters that RFC 3986 allows but no real host has, such as a comma or %20, are refused.
    """
    found = HOST.fullmatch(text)
    if found is None or int(found[2] or 0) > HIGHEST_PORT:
        return False
    if found[1] is not None:
        try:
            IPv6Address(found[1].decode())
        except ValueError:
            return False
    return True


def _check_codings(codings: Iterable[bytes], version: str) -> None:
    for coding in codings:
        if version == "1.0":
            raise RequestRefused(400, "HTTP/1.0 has no Transfer-Encoding.")
        if coding.strip().lower() != b"chunked":
            raise RequestRefused(400, "No Transfer-Encoding is read but chunked.")
