"""A server parses what the reference does, and answers each request once and in order, or refuses.

`check` takes any bytes. It sends them to one server on several connections: at once, in halves, a
request at a time (twice, so that the second time the heads are known), and byte by byte.
"""

from collections.abc import Sequence
from itertools import pairwise

from tests.parsers.answers import Answer, read_answers
from tests.parsers.conversation import Conversation, Conversations
from tests.parsers.recorder import Call
from tests.parsers.reference import End, Reading, Request, read

EARLY = b"/early"
MOST_PIECES = 4096
"""Longer streams are sent in about as many pieces instead of byte by byte."""
OWN_FAULTS = (500, 502, 503, 504)
"""Statuses that do not count as a refusal: the server failed, or was busy."""
Outcome = tuple[list[Call], list[int]]


def check(data: bytes, conversations: Conversations) -> None:
    """Fails if a server parses these bytes differently from the reference, in any pieces."""
    reading = read(data)
    conversations.fresh()
    half = len(data) // 2
    places = [0, *reading.ends, len(data)]
    requests = [data[start:end] for start, end in pairwise(places) if start < end]
    step = 1 + len(data) // MOST_PIECES
    singly = [data[place : place + step] for place in range(0, len(data), step)]
    outcomes: list[Outcome] = []
    for pieces, waits in (
        ([data], True),
        ([data[:half], data[half:]], True),
        (requests, True),
        (requests, True),
        (singly, False),
    ):
        outcomes.append(judge(reading, conversations.run(pieces, waits=waits)))
    if not _depends_on_time(reading):
        for outcome in outcomes[1:]:
            assert outcome == outcomes[0], (
                f"cut otherwise, read otherwise: {outcome}, {outcomes[0]}"
            )


def judge(reading: Reading, came: Conversation) -> Outcome:
    """Returns the calls and the statuses of the responses. Fails if they do not fit `reading`."""
    expected = reading.expected
    _check_calls(reading, came.calls)
    answers, _ = read_answers(came.written, expected, is_closed=came.is_closed)
    served = [answer for answer in answers if answer.number is not None]
    refusals = answers[len(served) :]
    assert [answer.number for answer in answers] == [
        *range(1, len(served) + 1),
        *(None for _ in refusals),
    ], f"out of order: {answers}"
    whole = [call for call in came.calls if call.is_whole]
    calls = [call for call in came.calls if call.is_whole or call.request.body is None]
    assert len(whole) <= len(served) <= len(calls), f"not one answer each: {calls}, {answers}"
    assert len(refusals) <= 1, f"refused twice: {refusals}"
    for answer, request in zip(served, expected, strict=False):
        _check_answer(answer, request)
    for refusal in refusals:
        assert 400 <= refusal.status < 600, f"no refusal: {refusal}"
        assert refusal.status not in OWN_FAULTS, f"no refusal: {refusal}"
        assert came.is_closed, f"open after a refusal: {refusal}"
    _check_end(reading, came, answers, len(served))
    return calls, [answer.status for answer in answers]


def _check_calls(reading: Reading, calls: Sequence[Call]) -> None:
    expected = reading.expected
    assert len(calls) <= len(expected), f"read too much: {calls[len(expected) :]}, {reading}"
    for place, (call, request) in enumerate(zip(calls, expected, strict=False)):
        seen = call.request
        assert _head(seen) == _head(request), f"read otherwise: {seen}, {request}"
        is_finished = place < len(reading.requests)
        if call.is_whole:
            assert is_finished, f"read as whole: {seen}, {reading.why}"
            assert seen.body == request.body, f"read otherwise: {seen}, {request}"
        elif seen.body is not None:
            assert request.body is not None
            assert request.body.startswith(seen.body), f"read otherwise: {seen}, {request}"
            assert place == len(calls) - 1, f"read after half: {seen}, {calls[place + 1 :]}"


def _head(request: Request) -> object:
    """Returns everything but the body; the order of headers with different names is ignored."""
    headers = [(name, _plain(name, value)) for name, value in request.headers]
    headers.sort(key=lambda header: header[0])
    return request.kind, request.method, request.version, request.path, request.query, headers


def _plain(name: bytes, value: bytes) -> bytes:
    """Normalizes a value as h11 does: codings in lower case, lengths without leading zeros."""
    match name:
        case b"transfer-encoding":
            return value.lower()
        case b"content-length":
            return value.lstrip(b"0") or b"0"
        case _:
            return value


def _check_answer(answer: Answer, request: Request) -> None:
    is_socket = request.kind == "websocket"
    assert (answer.status == 101) is is_socket, f"wrong status: {answer}, {request}"
    assert answer.continues <= request.expects_continue, (
        f"unasked 100 Continue: {answer}, {request}"
    )
    if request.version == b"1.0":
        assert not answer.has(b"transfer-encoding", b"chunked"), (
            f"chunks to HTTP/1.0: {answer}, {request}"
        )
    if not is_socket:
        bodies = {b"/none": b"", b"/stream": b"in two", b"/direct": b"direct"}
        body = b"" if request.method == b"HEAD" else bodies.get(request.path, b"ok")
        assert answer.body == body, f"wrong body: {answer}, {request}"


def _check_end(
    reading: Reading, came: Conversation, answers: Sequence[Answer], served: int
) -> None:
    is_refused = len(answers) > served
    last = answers[-1] if answers else None
    # After a response that did not wait for the body, the connection may be closed at any time: the
    # body is not needed, or has an error that it is too late to answer.
    is_cut = bool(served) and not is_refused and reading.expected[served - 1].path == EARLY
    is_told = is_cut or (last is not None and last.has(b"connection", b"close"))
    if came.is_closed and not (last is not None and last.status == 101):
        assert is_told, f"closed without a word: {answers}, {reading}"
    if not is_refused and not (is_cut and came.is_closed):
        assert served >= len(reading.requests), f"not answered: {reading.requests[served:]}"
        assert reading.end is not End.FAULTY, f"not refused: {reading.why}"
    if reading.end in (End.CLOSED, End.DOUBTFUL, End.FAULTY):
        assert came.is_closed, f"left open: {reading.end.value} {reading.why}"


def _depends_on_time(reading: Reading) -> bool:
    """Whether a request is answered before its body is read, and so before an error in it."""
    return any(
        request.path == EARLY
        and (request.body or request.values(b"transfer-encoding") or request is reading.unfinished)
        for request in reading.expected
    )
