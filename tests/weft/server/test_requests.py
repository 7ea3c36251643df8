"""Unambiguous requests are served; all others are refused and end their connection."""

import asyncio
import gc
import random

import pytest

from tests.waiting import soon
from tests.weft.server.echo import echoing
from tests.weft.server.line import line
from tests.weft.server.manual_clock import ManualClock
from weft.server.reader_watch import LINGER_SECONDS
from weft.server.request_cycle import RequestCycle
from weft.server.request_reader import OVERHEAD_BYTES
from weft.server.shared import ConnectionLimits, Shared

NEXT = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"POST /first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: %b\r\n\r\n1\r\nx\r\n0\r\n\r\n"

EXPECTING = b"POST %b HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"


def _cycles() -> list[RequestCycle]:
    """All cycles in the process, including those of other tests."""
    return [one for one in gc.get_objects() if type(one) is RequestCycle]


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "head"),
        [
            (400, b"GET / HTTP/1.1\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n"),
            (400, b"GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost:\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a,b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a/b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: %61\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a@b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a:b\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a:70000\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: [::1\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: [:::]\r\n"),
            (400, b"GET http://a@b/ HTTP/1.1\r\nhost: a\r\n"),
            (400, b"GET http:///x HTTP/1.1\r\nhost: a\r\n"),
            (400, b"GET * HTTP/1.1\r\nhost: a\r\n"),
            (400, b"GET /#x HTTP/1.1\r\nhost: a\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost : a\r\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a\r\nx: b\r\n c\r\n"),
            (400, b"GET / HTTP/1.1\nhost: a\n"),
            (400, b"GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n"),
            (400, b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n"),
            (400, b"GET / HTTP/2.0\r\nhost: a\r\n"),
            (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n"),
            (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n"),
            (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n"),
        ],
    )
    async def test_refusal_of_a_head_ends_the_connection(self, status: int, head: bytes) -> None:
        async with echoing() as (echo, address), line(address) as client:
            answer = await client.says(head + b"\r\n" + NEXT)
            assert answer.startswith(b"HTTP/1.1 %d " % status), answer
            assert b'"code":"BAD_REQUEST"' in answer
            assert await client.says(b"") == b""
        assert echo.asked == []

    @pytest.mark.parametrize(
        ("status", "coding"),
        [(400, b"gzip, chunked"), (400, b"gzip"), (400, b"chunked, identity"), (400, b"xchunked")],
    )
    async def test_unsupported_transfer_codings_are_refused(
        self, status: int, coding: bytes
    ) -> None:
        async with echoing() as (echo, address), line(address) as client:
            answer = await client.says(CHUNKED % coding + NEXT)
            assert answer.startswith(b"HTTP/1.1 %d " % status), answer
            assert await client.says(b"") == b""
        assert echo.asked == []

    async def test_transfer_coding_with_a_length_or_in_http_1_0_is_refused(self) -> None:
        both = CHUNKED.replace(b"\r\n\r\n1", b"\r\ncontent-length: 3\r\n\r\n1", 1) % b"chunked"
        old = CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") % b"chunked"
        for data in (both, old):
            async with echoing() as (echo, address), line(address) as client:
                assert (await client.says(data)).startswith(b"HTTP/1.1 400 ")
                assert await client.says(b"") == b""
            assert echo.asked == []

    async def test_refusal_waits_for_the_response_before_it(self) -> None:
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(HELD + b"nonsense\r\n\r\n" + NEXT)
            await soon(asyncio.sleep(0))
            echo.let.set()
            assert b"x-path: /held" in await client.answer()
            assert (await client.answer()).startswith(b"HTTP/1.1 400 ")
            assert await client.says(b"") == b""
        assert [path for _, path, _ in echo.asked] == ["/held"]

    async def test_malformed_body_ends_its_request(self) -> None:
        head = b"POST /first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(head)
            assert (await client.says(b"nonsense\r\n" + NEXT)).startswith(b"HTTP/1.1 400 ")
            assert await client.says(b"") == b""
            await soon(echo.gone.wait())
        assert echo.asked == []

    async def test_body_that_is_nearly_all_framing_is_refused(self) -> None:
        head = b"POST /first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;x="
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(head + b"y" * 2 * OVERHEAD_BYTES)
            assert (await client.answer()).startswith(b"HTTP/1.1 400 ")
        assert echo.asked == []


class TestRequest:
    @pytest.mark.parametrize(
        "host", [b"a", b"a.example:8000", b"[::1]:80", b"127.0.0.1", b"A_b-c.d.", b"a:"]
    )
    async def test_request_is_served_under_any_valid_host(self, host: bytes) -> None:
        async with echoing() as (_, address), line(address) as client:
            answer = await client.says(NEXT.replace(b"host: a", b"host: " + host))
            assert answer.startswith(b"HTTP/1.1 200 ")

    async def test_host_of_the_url_overrides_the_header(self) -> None:
        async with echoing() as (echo, address), line(address) as client:
            await client.says(b"GET HTTP://B.example:80?q HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (echo.asked[0][1], echo.headers[0][b"host"]) == ("/", b"B.example:80")

    @pytest.mark.parametrize("size", [100, 65_536, 65_537, 3_000_000])
    async def test_request_gets_its_whole_body(self, size: int) -> None:
        body = random.Random(size).randbytes(size)
        head = b"POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(head + body + NEXT)
            assert (await client.answer()).endswith(body)
            assert b"x-path: /next" in await client.answer()
        assert echo.asked[0] == ("POST", "/first", body)

    async def test_trailers_never_become_headers(self) -> None:
        data = CHUNKED % b"chunked"
        data = data[:-2] + b"authorization: Bearer good\r\n\r\n"
        async with echoing() as (echo, address), line(address) as client:
            assert (await client.says(data)).startswith(b"HTTP/1.1 200 ")
            assert (await client.says(NEXT)).startswith(b"HTTP/1.1 200 ")
        assert all(b"authorization" not in headers for headers in echo.headers)

    async def test_body_is_requested_with_100_continue(self) -> None:
        head = (
            b"POST /first HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
        async with echoing() as (_, address), line(address) as client:
            assert await client.says(head) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert (await client.says(b"{}" + NEXT)).endswith(b"{}")
            assert b"x-path: /next" in await client.answer()

    async def test_response_before_100_continue_ends_the_connection(self) -> None:
        async with echoing() as (echo, address), line(address) as client:
            answer = await client.says(EXPECTING % (b"/early", len(NEXT)))
            assert b"\r\nconnection: close\r\n" in answer
            assert await client.says(NEXT) == b""
        assert [path for _, path, _ in echo.asked] == ["/early"]

    async def test_body_after_an_early_response_is_no_new_request(self, clock: ManualClock) -> None:
        head = b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(NEXT)
        async with echoing() as (echo, address), line(address) as client:
            assert b"x-path: /early" in await client.says(head)
            assert b"x-path: /next" in await client.says(NEXT + NEXT)
            clock.advance(LINGER_SECONDS)
            assert b"x-path: /next" in await client.says(NEXT)
        assert [path for _, path, _ in echo.asked] == ["/early", "/next", "/next"]

    async def test_body_after_an_early_response_is_not_kept_in_memory(self) -> None:
        head = b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n"
        others = _cycles()
        async with echoing() as (_, address), line(address) as client:
            for _ in range(3):
                client.writer.write(head + b"x" * 50_000)
                assert b"x-path: /early" in await client.answer()
                client.writer.write(b"x" * 10_000)
            assert b"x-path: /next" in await client.says(NEXT)
            cycles = [one for one in _cycles() if one not in others]
            assert sum(len(cycle.body_so_far) for cycle in cycles) == 0

    async def test_last_request_is_answered_whatever_follows_it(self) -> None:
        body = b"x" * 3_000_000
        first = b"POST /first HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        async with echoing() as (_, address), line(address) as client:
            client.writer.write(first + b"content-length: %d\r\n\r\n" % len(body) + body)
            client.writer.write(NEXT * 10_000)
            assert (await client.answer()).endswith(body)
            assert await client.says(b"") == b""

    async def test_head_response_has_no_body(self) -> None:
        head = b"HEAD /first HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
        async with echoing() as (_, address), line(address) as client:
            client.writer.write(head + NEXT)
            first = await soon(client.reader.readuntil(b"\r\n\r\n"))
            assert b"content-length: 3" in first
            assert (await client.answer()).startswith(b"HTTP/1.1 200 ")

    async def test_pipelined_requests_are_answered_in_order(self) -> None:
        paths = [b"/%d" % number for number in range(2_000)]
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(b"".join(NEXT.replace(b"/next", path) for path in paths))
            for path in paths:
                assert b"x-path: %b\r\n" % path in await client.answer()
        assert [path.encode() for _, path, _ in echo.asked] == paths


class TestLineBreaks:
    async def test_line_breaks_between_requests_keep_no_connection_open(
        self, clock: ManualClock
    ) -> None:
        shared = Shared(ConnectionLimits(keep_alive_seconds=5))
        async with echoing(shared) as (_, address), line(address) as client:
            for _ in range(3):
                clock.advance(3)
                assert b"x-path: /next" in await client.says(NEXT)
            client.writer.write(b"\r\n")
            clock.advance(4)
            client.writer.write(b"\r\n\r\n")
            assert not clock.connections[0].transport.is_closing()
            clock.advance(1)
            assert await client.says(b"") == b""

    async def test_line_breaks_before_the_first_request_give_no_more_time(
        self, clock: ManualClock
    ) -> None:
        async with echoing() as (_, address), line(address) as client:
            for _ in range(10):
                client.writer.write(b"\r\n")
                clock.advance(ConnectionLimits().head_seconds / 10)
            assert await client.says(b"") == b""


class TestHead:
    async def test_head_after_a_request_is_timed_from_that_response_on(
        self, clock: ManualClock
    ) -> None:
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(HELD + b"GET /n")
            echo.let.set()
            assert b"x-path: /held" in await client.answer()
            clock.advance(ConnectionLimits().head_seconds - 1)
            assert not clock.connections[0].transport.is_closing()
            clock.advance(1)
            assert (await client.answer()).startswith(b"HTTP/1.1 408 ")
