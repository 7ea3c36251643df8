"""No error repeats more than a few dozen characters of any part of a request."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.client import Api
from tests.hostile.places import ITEMS, PLACES, Marked
from tests.sockets import address_of, connecting, listening

SENT = settings(
    max_examples=20,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
QUERIED = settings(SENT, max_examples=2)
"""Few examples: httpx logs each URL, and the log is searched for secrets."""
INTERPRETERS = (
    "Python", "Traceback", "sys.", "int()", "Exceeds the limit", "codec", "surrogates not",
    "object has no attribute", "expected str", "NoneType", "recursion", "ValueError", "TypeError",
    "not to be None",
)  # fmt: skip


MARKED = st.builds(
    Marked,
    st.integers(0, 2**32),
    st.sampled_from([65, 120, 1_000, 5_000]),
    st.sampled_from([" ", "' ", " '", '" ', ' "', "` ", "\\' ", "''", ", ", "\n"]),
)


class Logs(logging.Handler):
    """Collects log records that are errors or have an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.failures.append(record.getMessage())


def assert_brief(mark: Marked, messages: list[str], logs: Logs) -> None:
    for message in messages:
        assert mark.repeated(message) is None, message[:500]
        found = [word for word in INTERPRETERS if word in message]
        assert found == [], message
        assert len(message) < 500
    assert logs.failures == []


@pytest.fixture
async def url(api: Api) -> AsyncIterator[str]:
    """Gives the URL of the whole server for WebSockets."""
    async with listening(api.app) as server:
        yield f"ws://{address_of(server)}/graphql"


@pytest.fixture
def logs() -> Any:
    handler = Logs()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def messages_of(errors: list[dict[str, Any]]) -> list[str]:
    assert all(error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in errors)
    return [error["message"] for error in errors]


class TestErrorMessages:
    @SENT
    @given(mark=MARKED)
    async def test_errors_of_bodies_repeat_little(self, api: Api, logs: Logs, mark: Marked) -> None:
        for request in [place(mark) for place in PLACES.values()]:
            response = await api.http.post("/graphql", json=request)
            assert response.status_code < 500
            assert_brief(mark, messages_of(response.json().get("errors", [])), logs)

    @QUERIED
    @given(mark=MARKED)
    async def test_errors_of_query_strings_repeat_little(
        self, api: Api, logs: Logs, mark: Marked
    ) -> None:
        for request in [place(mark) for place in PLACES.values()]:
            params = {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in request.items()
            }
            response = await api.http.get("/graphql", params=params)
            assert response.status_code < 500
            assert_brief(mark, messages_of(response.json().get("errors", [])), logs)

    @SENT
    @given(mark=MARKED)
    async def test_errors_of_event_streams_repeat_little(
        self, api: Api, logs: Logs, mark: Marked
    ) -> None:
        headers = {"accept": "text/event-stream"}
        for place in PLACES.values():
            response = await api.http.post("/graphql", json=place(mark), headers=headers)
            assert response.status_code < 500
            lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
            answers = [json.loads(line.removeprefix("data: ")) for line in lines]
            if not lines:
                answers = [response.json()]
            errors = [error for answer in answers for error in answer.get("errors", [])]
            assert_brief(mark, messages_of(errors), logs)

    @SENT
    @given(mark=MARKED)
    async def test_errors_on_sockets_repeat_little(
        self, url: str, logs: Logs, mark: Marked
    ) -> None:
        async with connecting(url) as socket:
            await socket.open()
            for number, place in enumerate(PLACES.values()):
                payload = place(mark)
                if "\0" in json.dumps(payload).replace("\\u0000", "\0"):
                    continue  # refused as JSON, which closes the socket: see below
                await socket.send("subscribe", id=str(number), payload=payload)
                message = await socket.receive()
                while message["type"] == "complete":
                    message = await socket.receive()
                given = message["payload"]
                errors = given if message["type"] == "error" else given.get("errors", [])
                assert_brief(mark, messages_of(errors), logs)

    @SENT
    @given(mark=MARKED)
    async def test_errors_of_raw_bodies_headers_and_paths_repeat_little(
        self, api: Api, logs: Logs, mark: Marked
    ) -> None:
        words = mark.plain
        headers: list[dict[str, str]] = [
            {"accept": words},
            {"content-type": words},
            {"content-type": f"application/json; charset={words}"},
            {"content-encoding": words},
            {"authorization": words},
            {"authorization": f"Bearer {words}"},
            {"authorization": f"Bearer {mark.name}.{mark.name}.{mark.name}"},
            {"x-session": words},
            {"cookie": f"{words}={words}"},
            {"origin": words},
            {"last-event-id": words},
            {"x-forwarded-for": words},
            {"x-request-id": words},
            {"host": words},
        ]
        for header in headers:
            sent = {"content-type": "application/json", **header}
            response = await api.http.post("/graphql", content=b'{"query":"{ a }"}', headers=sent)
            assert response.status_code < 500
            assert_brief(mark, messages_of(response.json().get("errors", [])), logs)
        bodies = [words, f'"{words}"', f"[{words}]", f'{{"{words}"', f'{{"query":"{words}'] + [
            f'{{"query":"{{ a }}","variables":{{"{words}":{value}}}}}'
            for value in (
                "NaN",
                "1e999",
                mark.digits * 100,
                r'"\ud800"',
                r'"\u0000"',
                f'1,"{words}":1',
            )
        ]
        for body in bodies:
            sent = {"content-type": "application/json"}
            response = await api.http.post("/graphql", content=body.encode(), headers=sent)
            assert response.status_code < 500
            assert_brief(mark, messages_of(response.json().get("errors", [])), logs)
        for path in (f"/{words}", f"/health/{words}", f"/graphql/{words}", f"/pages/{words}"):
            response = await api.http.get(path)
            assert response.status_code == 404
            assert_brief(mark, [response.text], logs)
        response = await api.http.request(mark.name[:40], "/graphql")
        assert_brief(mark, messages_of(response.json()["errors"]), logs)


class TestCloseReasons:
    @SENT
    @given(mark=MARKED)
    async def test_close_reasons_repeat_little(self, url: str, logs: Logs, mark: Marked) -> None:
        words = mark.words
        ends: list[list[Any]] = [
            [words],
            [f'{{"type":"{words}'],
            [{"type": words}],
            [{"type": "subscribe", "id": {words: words}}],
            [{"type": "subscribe", "id": words * 10}],
            [{"type": "ping", "payload": words}],
            [{"type": "ping", "payload": {words: "\0"}}],
            [{"type": "connection_init", "payload": {"Authorization": words}}],
            [{"type": "connection_init", "payload": {"Authorization": f"Bearer {words}"}}],
            [{"type": "connection_init", "payload": {"authorization": {words: words}}}],
            [
                {"type": "connection_init"},
                *2 * [{"type": "subscribe", "id": words[:256], "payload": {
                    "query": "subscription { itemChanged { kind } }"}}],
            ],
        ]  # fmt: skip
        for messages in ends:
            async with connecting(url) as socket:
                for message in messages:
                    text = message if isinstance(message, str) else json.dumps(message)
                    await socket.connection.send(text)
                code, reason = await socket.closed()
                assert code in (4400, 4403, 4409)
                assert reason
                assert_brief(mark, [reason], logs)


class TestShortValues:
    @pytest.mark.parametrize(
        ("request_", "part"),
        [
            ({"query": "{ nothingOfThisName }"}, "'nothingOfThisName'"),
            ({"query": '{ items(first: "a few words") { totalCount } }'}, '"a few words"'),
            ({"query": "{ items(first: 2147483648) { totalCount } }"}, "2147483648"),
            ({"query": ITEMS, "variables": {"first": "a few words"}}, "'a few words'"),
            ({"query": ITEMS, "variables": {"filter": {"a key": 1}}}, "'a key'"),
            ({"query": ITEMS, "variables": {"order": {"field": "SHOE_SIZE"}}}, "'SHOE_SIZE'"),
            ({"query": "query A { __typename }", "operationName": "B"}, "'B'"),
            ({"query": '{ node(id: "abc") { id } }'}, "'abc'"),
        ],
    )
    async def test_short_names_and_values_are_repeated_in_full(
        self, api: Api, request_: dict[str, Any], part: str
    ) -> None:
        response: httpx.Response = await api.http.post("/graphql", json=request_)
        assert part in response.json()["errors"][0]["message"]
