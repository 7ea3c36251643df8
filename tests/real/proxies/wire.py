"""HTTP/1.1 as bytes: requests of any form, and a parser of responses that follows RFC 9112, 6.3."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.waiting import soon

JSON = {"Content-Type": "application/json"}
LIMIT_BYTES = 1_048_576


@dataclass(frozen=True)
class Response:
    """A response, delimited by its framing: later bytes of the connection are not in its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it announces the end of its connection."""
        return "close" in self.headers.get("connection", "").lower()

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def sent(self) -> None:
        """Waits until the operating system has accepted what was sent."""
        await self._writer.drain()

    async def response(self, method: str = "POST") -> Response:
        """Reads the final response to a request of this method.

        Raises IncompleteReadError at the end of the connection, and ValueError if the next bytes
        are not a response.
        """
        while True:
            head = await soon(self._reader.readuntil(b"\r\n\r\n"))
            status_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            version, status, *_ = status_line.split(" ")
            if not version.startswith("HTTP/1."):
                raise ValueError(f"This is no response: {head!r}")
            if status[0] != "1" or status == "101":
                break
        parted = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in parted}
        has_body = method != "HEAD" and status not in ("101", "204", "304")
        return Response(int(status), headers, await self._body(headers) if has_body else b"")

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if "content-length" in headers:
            return await soon(self._reader.readexactly(int(headers["content-length"])))
        return await soon(self._reader.read())

    async def _chunks(self) -> bytes:
        body = b""
        while length := int(await soon(self._reader.readuntil(b"\r\n")), 16):
            body += await soon(self._reader.readexactly(length))
            assert await soon(self._reader.readexactly(2)) == b"\r\n"
        assert await soon(self._reader.readuntil(b"\r\n")) == b"\r\n"
        return body

    async def some(self, seconds: float) -> bytes:
        """Returns the next bytes; empty if none arrive within `seconds`, or at the end."""
        try:
            return await asyncio.wait_for(self._reader.read(LIMIT_BYTES), seconds)
        except (TimeoutError, ConnectionError):
            return b""

    async def rest(self) -> bytes:
        """Returns all bytes up to the end of the connection."""
        received = b""
        try:
            while some := await soon(self._reader.read(LIMIT_BYTES)):
                received += some
        except ConnectionError:
            pass  # the other side closed without reading all our bytes
        return received


@asynccontextmanager
async def connected(address: str) -> AsyncGenerator[Wire]:
    """Gives a connection to `address`, a host and port, until the block ends."""
    host, port = address.split(":")
    reader, writer = await soon(asyncio.open_connection(host, int(port), limit=LIMIT_BYTES))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def request(
    body: bytes | None = None,
    *,
    method: str = "POST",
    target: str = "/graphql",
    headers: Mapping[str, str] = JSON,
    token: str | None = None,
) -> bytes:
    """Returns a request; a body gets a Content-Length unless the headers frame it otherwise."""
    lines = {"Host": "api.example.com"} | dict(headers)
    if token is not None:
        lines["Authorization"] = f"Bearer {token}"
    if body is not None and "Transfer-Encoding" not in lines:
        lines.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


def operation(text: str, **variables: Any) -> bytes:
    """Returns the JSON body of a GraphQL request."""
    return json.dumps({"query": text, "variables": variables}).encode()


def chunked(*chunks: bytes) -> bytes:
    """Returns a body for `Transfer-Encoding: chunked`."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
