"""A request is served the same whether its head was parsed or found in the cache."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from tests.sockets import address_of, listening
from tests.waiting import soon, until
from tests.weft.transport.toy import serving
from weft.server.head_cache import MAX_HEAD_BYTES, HeadCache
from weft.server.shared import Shared

CHANGING = re.compile(rb"(date|x-request-id|server-timing): [^\r]*\r\n")
LAST = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def post(document: str, *lines: bytes, length: int | None = None) -> bytes:
    body = json.dumps({"query": document}).encode()
    length = len(body) if length is None else length
    more = b"".join(line + b"\r\n" for line in lines)
    head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    return head + more + b"content-length: %d\r\n\r\n" % length + body


HELLO = post("{ hello }")
TOO_LONG_BYTES = 20_000
TOO_LONG = HELLO.replace(b"content-length: 22", b"content-length: %d" % TOO_LONG_BYTES)[:-22]
CHUNKED_HEAD = (
    b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
CHUNKED = CHUNKED_HEAD + b"13\r\n" + b'{"query":"{hello}"}' + b"\r\n0\r\n\r\n"
AS_LONG = CHUNKED_HEAD + b"9\r\n" + b'{"a":"b"}' + b"\r\n0\r\n\r\n"
"""Its body has as many bytes with the chunk sizes as the one of CHUNKED has without them."""


async def told(address: str, parts: list[bytes]) -> bytes:
    """All bytes that a server sends in reply to these parts, sent one by one, without headers that
    always change.
    """
    reader, writer = await asyncio.open_connection(*address.split(":"))
    said: list[bytes] = []

    async def listen() -> None:
        while chunk := await reader.read(65_536):
            said.append(chunk)

    listener = asyncio.create_task(listen())
    try:
        with suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.005)  # the responses are the same if parts arrive together
            writer.write_eof()
        with suppress(OSError):
            await soon(listener)
    finally:
        listener.cancel()
        writer.close()
    return CHANGING.sub(b"", b"".join(said))


async def answered(address: str, request: bytes, times: int) -> None:
    """Sends a request that is answered by a head alone, `times` times, each after the response."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    for _ in range(times):
        writer.write(request)
        await soon(reader.readuntil(b"\r\n\r\n"))
    writer.close()
    await writer.wait_closed()


class TestKnownHead:
    @pytest.mark.parametrize(
        "parts",
        [
            [HELLO, HELLO, HELLO],
            [HELLO, HELLO + HELLO, HELLO],
            [HELLO, HELLO[:-5], HELLO[-5:], HELLO],
            [HELLO, HELLO + HELLO[:30], HELLO[30:], HELLO],
            [HELLO, HELLO[:-9] + b'"{ nope }"}', HELLO],
            [HELLO, post("{ hello }", length=12), HELLO],
            [HELLO, post("{ hello  }"), post("{ hello  }"), HELLO],
            [CHUNKED, CHUNKED, AS_LONG, HELLO, CHUNKED],
            [post("{ viewer }", b"authorization: Bearer ada")] * 2 + [post("{ viewer }")] * 2,
            [post("{ hello }", b"expect: 100-continue")] * 3,
            [post("{ hello }", b"connection: close")] * 2,
            [HELLO.replace(b"HTTP/1.1", b"HTTP/1.0")] * 2,
            [b"\r\n" + HELLO] * 3,
            [post("{ hello }", b"origin: https://app.example")] * 3,
            [post("{ hello }", b"x-request-id: mine")] * 3,
            [post("{ hello }", b"content-encoding: gzip")] * 3,
            [post("{ hello }", b"accept: image/png")] * 3,
            [HELLO.replace(b"/graphql", b"/elsewhere")] * 3,
            [HELLO.replace(b"/graphql", b"/%67raphql")] * 3,
            [HELLO, b"POST /graphql HTTP/1.1\r\nx-a: ", HELLO],
            [HELLO, TOO_LONG, HELLO, b" " * (TOO_LONG_BYTES - len(HELLO)), HELLO],
            [post("{ hello }", b"connection: upgrade", b"upgrade: h2c"), HELLO],
            [HELLO, b"nonsense\r\n\r\n"],
            [HELLO, HELLO.replace(b"content-length: ", b"content-length: +")],
            [HELLO, HELLO.replace(b"content-length: 22", b"content-length: 22, 22")],
        ],
        ids=lambda parts: str(len(b"".join(parts))),
    )
    async def test_request_with_a_cached_head_is_answered_as_if_it_were_parsed(
        self, parts: list[bytes]
    ) -> None:
        answers: list[bytes] = []
        for heads in (HeadCache(max_bytes=0), HeadCache()):
            async with serving(shared=Shared(heads=heads)) as server:
                answers += [await told(server.address, [*parts, LAST]) for _ in range(2)]
        assert answers[0] != b""
        assert answers == [answers[0]] * 4

    def test_long_head_is_not_cached(self) -> None:
        heads = HeadCache()
        long = post("{ hello }", b"x-long: " + b"a" * MAX_HEAD_BYTES)
        scope = {"headers": [], "type": "http"}
        assert heads.learn(long, scope, long.partition(b"\r\n\r\n")[2]) is None

    async def test_head_of_a_refused_request_is_not_cached(self) -> None:
        heads = HeadCache()
        by_url = b"GET /graphql?query=mutation%20%7B%20add%20%7D HTTP/1.1\r\nhost: a\r\n\r\n"
        good = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n"
        async with serving(shared=Shared(heads=heads)) as server:
            await told(server.address, [by_url, good, LAST])
        assert heads.find(by_url) is None
        assert heads.find(good) is not None


class Recorder:
    """An application that answers 204, and records the scope and body of each request."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, Any], bytes]] = []
        self.read_again: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.read_again.append(isinstance(scope["headers"], list))
        message = await receive()
        plain = {name: scope[name] for name in scope if name not in ("extensions", "weft.headers")}
        plain |= {"headers": list(scope["headers"]), "client": scope["client"][0]}
        self.told.append((plain, message["body"]))
        assert not message.get("more_body")
        # Changes by the application must not show up in later requests.
        scope["state"]["mark"] = scope["path"] = "changed"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


KNOWN = b"GET /known HTTP/1.1\r\nhost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n"


class Hesitant:
    """An application that answers `/held` once `let` is set, and all else at once."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.holds = asyncio.Event()
        self.let = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        if scope["path"] == "/held":
            self.holds.set()
            await self.let.wait()
        headers = [(b"x-path", scope["path"].encode())]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def has_more(server: uvicorn.Server) -> bool:
    """Whether a connection holds bytes that it has not parsed yet."""
    connections: Any = server.server_state.connections
    return any(connection.__dict__["_unread"] for connection in connections)


class TestOrder:
    async def test_request_with_a_cached_head_waits_for_the_one_before_it(self) -> None:
        known, held = KNOWN, HELD
        application = Hesitant()
        async with listening(application) as server:
            await answered(address_of(server), known, 2)
            telling = asyncio.create_task(told(address_of(server), [held, known]))
            await application.holds.wait()
            await until(lambda: has_more(server) or len(application.paths) > 3)
            assert application.paths == ["/known", "/known", "/held"]
            application.let.set()
            said = await telling
        assert re.findall(rb"x-path: (\S+)", said) == [b"/held", b"/known"]


token = st.text("abcdefgh-", min_size=1, max_size=8).map(str.encode)
value = st.text("abc /;=,\"'*%é", max_size=12).map(lambda text: text.strip().encode("latin-1"))
target = st.text("abc/%25?=&.", max_size=12).map(lambda text: b"/" + text.encode())


@dataclass
class Recording:
    recorder: Recorder
    address: str
    shared: Shared


@pytest.fixture
async def recording() -> AsyncIterator[Recording]:
    """A recorder, the address of its server, and the state that its connections share."""
    recorder, shared = Recorder(), Shared()
    async with listening(recorder, shared=shared) as server:
        yield Recording(recorder, address_of(server), shared)


class TestScope:
    @settings(
        max_examples=50,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
        deadline=None,
    )
    @given(
        st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]),
        target,
        st.lists(st.tuples(st.just(b"x-").flatmap(lambda x: token.map(x.__add__)), value)),
        st.binary(max_size=40),
    )
    async def test_scope_from_the_cache_equals_that_of_the_parser(
        self,
        recording: Recording,
        method: bytes,
        path: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        recording.shared.heads = HeadCache()
        recorder = recording.recorder
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        head = b"%b %b HTTP/1.1\r\nhost: a\r\n%bcontent-length: %d\r\n\r\n" % (
            method,
            path,
            lines,
            len(body),
        )
        recorder.told, recorder.read_again = [], []
        for _ in range(2):
            await answered(recording.address, head + body, 2)
        assert recorder.told == [recorder.told[0]] * 4
        assert recorder.read_again == [True, False, False, False]
