"""Our server parses streams as the reference does; the reference detects a server that does not."""

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given, settings

from tests.parsers.agreement import check
from tests.parsers.answers import read_answers
from tests.parsers.conversation import Conversations
from tests.parsers.found import CHUNKED, FOUND, FOUND_IN_OURS, GET, SOCKET, H
from tests.parsers.frame_streams import frame_streams
from tests.parsers.frames import check_frames
from tests.parsers.reference import End, read
from tests.parsers.streams import SMUGGLED, long_streams, streams

POST = b"POST / HTTP/1.1\r\n" + H


@pytest.fixture(scope="module")
def ours() -> Iterator[Conversations]:
    conversations = Conversations()
    yield conversations
    conversations.end()


@pytest.fixture(scope="module")
def uvicorns() -> Iterator[Conversations]:
    conversations = Conversations(is_ours=False)
    yield conversations
    conversations.end()


class TestServer:
    def test_server_agrees_with_the_reference(self, ours: Conversations) -> None:
        @settings(max_examples=300, database=None)
        @given(streams)
        def run(data: bytes) -> None:
            check(data, ours)

        run()

    def test_server_reads_the_messages_that_websockets_reads(self, ours: Conversations) -> None:
        @settings(max_examples=150, database=None)
        @given(frame_streams)
        def run(data: bytes) -> None:
            check_frames(data, ours)

        run()

    def test_server_agrees_about_long_streams(self, ours: Conversations) -> None:
        @settings(max_examples=30, database=None)
        @given(long_streams())
        def run(data: bytes) -> None:
            check(data, ours)

        run()

    @pytest.mark.parametrize("name", FOUND | FOUND_IN_OURS)
    def test_server_agrees_about_streams_that_once_failed(
        self, ours: Conversations, name: str
    ) -> None:
        check((FOUND | FOUND_IN_OURS)[name], ours)

    @pytest.mark.parametrize(
        ("data", "statuses"),
        [
            (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n" + GET, [400]),
            (CHUNKED.replace(b"chunked", b"gzip") + b"\r\nabc", [400]),
            (CHUNKED.replace(b"chunked", b"identity") + b"\r\nabc", [400]),
            (FOUND["HTTP/2.0"], [400]),
            (GET + FOUND["no host"] + GET, [200, 400]),
            (GET * 3, [200, 200, 200]),
        ],
    )
    def test_server_responds_with_these_statuses(
        self, ours: Conversations, data: bytes, statuses: list[int]
    ) -> None:
        came = ours.run([data], waits=True)
        answers, _ = read_answers(came.written, read(data).expected, is_closed=came.is_closed)
        assert [answer.status for answer in answers] == statuses


class TestReference:
    @pytest.mark.parametrize("name", FOUND)
    def test_reference_detects_a_server_that_parses_differently(
        self, uvicorns: Conversations, name: str
    ) -> None:
        with pytest.raises((AssertionError, h11.RemoteProtocolError)):
            check(FOUND[name], uvicorns)

    @pytest.mark.parametrize(
        ("data", "requests", "end"),
        [
            (GET * 2, 2, End.WHOLE),
            (b"\r\n\n" + GET + b"\r\n", 1, End.WHOLE),
            (GET + b"GET  /a  HTTP/1.1\r\n" + H + b"\r\n", 2, End.WHOLE),
            (POST + b"content-length: 3\r\n\r\nabc" + GET, 2, End.WHOLE),
            (POST + b"content-length: %b3\r\n\r\nabc" % (b"0" * 30) + GET, 2, End.WHOLE),
            (POST + b"content-length: 4\r\n\r\nabc", 0, End.PARTIAL),
            (POST + b"content-length: 3, 3\r\n\r\nabc", 1, End.WHOLE),
            (POST + b"content-length: 3, 4\r\n\r\nabc", 0, End.FAULTY),
            (POST + b"content-length: +3\r\n\r\nabc", 0, End.FAULTY),
            (CHUNKED + b"\r\n3;a=b\r\nabc\r\n0\r\na: b\r\n\r\n" + GET, 2, End.WHOLE),
            (CHUNKED + b"\r\n%b3\r\nabc\r\n00\r\n\r\n" % (b"0" * 30) + GET, 2, End.WHOLE),
            (CHUNKED + b"\r\n3;a\rb\r\nabc\r\n0\r\n\r\n" + GET, 0, End.FAULTY),
            (CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n" + GET, 0, End.FAULTY),
            (CHUNKED + b"\r\n0\r\na: b\n\r\n" + GET, 1, End.DOUBTFUL),
            (CHUNKED + b"content-length: 3\r\n\r\n0\r\n\r\n" + GET, 1, End.DOUBTFUL),
            (POST + b"a: b\n\r\n" + GET, 1, End.DOUBTFUL),
            (POST + b"a: b\r\n c\r\n\r\n" + GET, 1, End.DOUBTFUL),
            (POST + b"connection: x, close\r\n\r\n" + GET, 1, End.CLOSED),
            (b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + GET, 1, End.CLOSED),
            (POST + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n" + GET, 2, End.WHOLE),
            (b"GET /graphql HTTP/1.1\r\n" + H + SOCKET + b"\r\n" + GET, 1, End.SOCKET),
            (b"GET /graphql HTTP/1.0\r\n" + H + SOCKET + b"\r\n" + GET, 1, End.CLOSED),
            (b"HEAD /graphql HTTP/1.1\r\n" + H + SOCKET + b"\r\n" + GET, 2, End.WHOLE),
            (b"GET http://u@a/ HTTP/1.1\r\n" + H + b"\r\n", 0, End.FAULTY),
            (b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", 1, End.WHOLE),
        ],
    )
    def test_reference_parses_as_the_standard_says(
        self, data: bytes, requests: int, end: End
    ) -> None:
        reading = read(data)
        assert (len(reading.requests), reading.end) == (requests, end)

    def test_reference_reads_a_request_in_a_body_as_body(self) -> None:
        data = POST + b"content-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
        assert [request.body for request in read(data).requests] == [SMUGGLED]
