"""Conformance to graphql-transport-ws: many operations on one socket."""

import json
from typing import Any

import httpx
import pytest

from tests.sockets import Socket, connecting
from tests.waiting import until
from tests.weft.transport.toy import Server, serving
from weft.transport.limits import SocketLimits

PAYLOADS: list[dict[str, Any]] = [
    {},
    {"payload": None},
    {"payload": 7},
    {"payload": "{ hello }"},
    {"payload": [{"query": "{ hello }"}]},
    {"payload": {}},
    {"payload": {"qeury": "{ hello }"}},
    {"payload": {"query": ""}},
    {"payload": {"query": " \n"}},
    {"payload": {"query": "#"}},
    {"payload": {"query": None}},
    {"payload": {"query": 7}},
    {"payload": {"query": ["{ hello }"]}},
    {"payload": {"query": "{ hello }", "variables": []}},
    {"payload": {"query": "{ hello }", "variables": "{}"}},
    {"payload": {"query": "{ hello }", "operationName": 7}},
    {"payload": {"query": "{ hello }", "operationName": ["A"]}},
    {"payload": {"query": "{ hello }", "extensions": 7}},
    {"payload": {"query": "{ hello }", "extensions": {"persistedQuery": 7}}},
    {"payload": {"documentId": 7}},
    {"payload": {"documentId": ""}},
]
"""Members of `subscribe` messages that are well-formed except for their payload."""


class TestOperations:
    async def test_operation_of_one_result_sends_next_and_complete(self, ready: Socket) -> None:
        query = "query A { broken } query B($text: String!) { echo(text: $text) }"
        await ready.subscribe("é", query, operationName="B", variables={"text": "漢"})
        assert await ready.receive() == {
            "id": "é",
            "type": "next",
            "payload": {"data": {"echo": "漢"}},
        }
        assert await ready.receive() == {"id": "é", "type": "complete"}

    async def test_subscription_sends_each_result_and_complete(self, ready: Socket) -> None:
        await ready.subscribe("1", "subscription { count(to: 2) }")
        messages = [await ready.receive() for _ in range(3)]
        assert [message["type"] for message in messages] == ["next", "next", "complete"]
        assert [m["payload"]["data"]["count"] for m in messages[:2]] == [0, 1]

    @pytest.mark.parametrize("query", ["{ nothing }", "{", "subscription { count }"])
    async def test_operation_that_cannot_run_sends_error_alone(
        self, ready: Socket, query: str
    ) -> None:
        await ready.subscribe("1", query)
        message = await ready.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["message"]
        await ready.subscribe("1", "{ hello }")
        assert (await ready.receive())["type"] == "next"

    @pytest.mark.parametrize("payload", PAYLOADS)
    async def test_malformed_request_sends_error_alone(
        self, ready: Socket, server: Server, payload: dict[str, Any]
    ) -> None:
        await ready.subscribe("other", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.send("subscribe", id="1", **payload)
        message = await ready.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        (error,) = message["payload"]
        assert error["message"]
        assert error["extensions"]["code"] in ("BAD_REQUEST", "GRAPHQL_PARSE_FAILED")
        await ready.subscribe("1", "{ hello }")
        assert (await ready.receive())["payload"] == {"data": {"hello": "world"}}
        assert not server.witness.ended.is_set()

    @pytest.mark.parametrize(
        "payload",
        [
            '{"query":"{ hello }","query":"{ hello }"}',
            r'{"query":"{ hello }","variables":{"a":"\u0000"}}',
            '{"query":"{ hello }","variables":{"a":1e999}}',
            '{"query":"{ hello }","variables":{"a":%s}}' % ("9" * 5_000),
            "[" * 300 + "]" * 300,
        ],
        ids=["name twice", "NUL", "1e999", "5,000 digits", "300 levels"],
    )
    async def test_payload_that_is_not_strict_json_sends_error_alone(
        self, ready: Socket, payload: str
    ) -> None:
        await ready.connection.send(f'{{"type":"subscribe","id":"1","payload":{payload}}}')
        message = await ready.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"] == {"code": "BAD_REQUEST"}
        await ready.ping()

    @pytest.mark.parametrize("payload", PAYLOADS)
    async def test_malformed_request_is_refused_over_http_too(
        self, client: httpx.AsyncClient, payload: dict[str, Any]
    ) -> None:
        for accept in ("application/json", "text/event-stream"):
            headers = {"accept": accept}
            response = await client.post("/graphql", json=payload.get("payload"), headers=headers)
            assert response.status_code < 500
            assert '"BAD_REQUEST"' in response.text or '"GRAPHQL_PARSE_FAILED"' in response.text

    async def test_malformed_request_before_the_handshake_is_4401(self, raw: Socket) -> None:
        await raw.send("subscribe", id="1")
        assert await raw.closed() == (4401, "Unauthorized")

    async def test_malformed_request_with_a_used_id_is_4409(self, ready: Socket) -> None:
        await ready.subscribe("1", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.send("subscribe", id="1", payload={})
        assert await ready.closed() == (4409, "Subscriber for 1 already exists")

    async def test_malformed_requests_count_towards_the_rate(self) -> None:
        limits = SocketLimits(operations_per_second=3)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            await socket.open()
            for number in range(50):
                await socket.send("subscribe", id=str(number), payload={})
            refused = [(await socket.receive())["payload"][0]["extensions"] for _ in range(50)]
            assert {"code": "TOO_MANY_REQUESTS"} in refused

    @pytest.mark.parametrize(
        ("query", "type_"),
        [
            ("query ($a: Boolean = true) { hello @skip(if: $a) }", "next"),
            ("query ($a: Boolean = true) { ... @include(if: $a) { hello } }", "next"),
            ("mutation ($a: Boolean = true) { add @skip(if: $a) }", "next"),
            ("subscription ($a: Int = 1) { count(to: $a) }", "error"),
        ],
    )
    async def test_null_where_it_is_not_allowed_is_bad_user_input(
        self, ready: Socket, server: Server, client: httpx.AsyncClient, query: str, type_: str
    ) -> None:
        await ready.subscribe("1", query, variables={"a": None})
        message = await ready.receive()
        assert message["type"] == type_
        told = message["payload"] if type_ == "error" else message["payload"]["errors"]
        assert [error["extensions"] for error in told] == [{"code": "BAD_USER_INPUT"}]
        if type_ == "next":
            body = {"query": query, "variables": {"a": None}}
            response = await client.post("/graphql", json=body)
            assert response.json() == message["payload"]
        assert server.witness.counts["added"] == 0

    async def test_operation_with_failed_fields_sends_next(self, ready: Socket) -> None:
        await ready.subscribe("1", "{ broken }")
        message = await ready.receive()
        assert message["type"] == "next"
        assert message["payload"]["data"] is None
        assert message["payload"]["errors"][0]["message"] == "Internal server error"

    async def test_subscription_whose_source_fails_ends_with_a_masked_error(
        self, ready: Socket
    ) -> None:
        await ready.subscribe("1", "subscription { fails }")
        messages = [await ready.receive()]
        while messages[-1]["type"] not in ("complete", "error"):
            messages.append(await ready.receive())
        assert messages[0]["payload"] == {"data": {"fails": 1}}
        assert "Internal server error" in json.dumps(messages[1])
        assert "secret" not in json.dumps(messages)

    async def test_result_that_cannot_be_encoded_sends_a_masked_error(self, ready: Socket) -> None:
        await ready.subscribe("1", "{ unwritable }")
        message = await ready.receive()
        assert (message["type"], message["payload"][0]["message"]) == (
            "error",
            "Internal server error",
        )

    async def test_operations_run_concurrently(self, ready: Socket, server: Server) -> None:
        await ready.subscribe("slow", "subscription { endless }")
        await ready.subscribe("quick", "{ hello }")
        seen = [await ready.receive() for _ in range(3)]
        assert {"id": "quick", "type": "complete"} in seen
        assert not server.witness.ended.is_set()

    async def test_second_operation_with_a_used_id_is_4409(
        self, ready: Socket, server: Server
    ) -> None:
        await ready.subscribe("1", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.subscribe("1", "{ hello }")
        assert await ready.closed() == (4409, "Subscriber for 1 already exists")
        await server.ended()

    async def test_completed_id_may_be_reused(self, ready: Socket) -> None:
        for _ in range(3):
            await ready.subscribe("1", "{ hello }")
            assert (await ready.receive())["type"] == "next"
            assert await ready.receive() == {"id": "1", "type": "complete"}

    async def test_operation_ends_when_the_client_completes_it(
        self, ready: Socket, server: Server
    ) -> None:
        await ready.subscribe("1", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.send("complete", id="1")
        await server.ended()
        await ready.subscribe("1", "{ hello }")
        message = await ready.receive()
        assert message["payload"] == {"data": {"hello": "world"}}

    async def test_complete_for_an_unknown_id_is_ignored(self, ready: Socket) -> None:
        await ready.send("complete", id="never")
        await ready.subscribe("1", "{ hello }")
        assert (await ready.receive())["type"] == "next"

    async def test_operations_end_with_the_socket(self, server: Server) -> None:
        async with connecting(server.socket_url) as socket:
            await socket.open()
            await socket.subscribe("1", "subscription { endless }")
            assert (await socket.receive())["type"] == "next"
            assert not server.witness.ended.is_set()
        await server.ended()

    async def test_operations_of_a_socket_are_limited_in_number(self) -> None:
        limits = SocketLimits(operations=2)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            await socket.open()
            for id_ in "12":
                await socket.subscribe(id_, "subscription { endless }")
                assert (await socket.receive())["type"] == "next"
            await socket.subscribe("3", "{ hello }")
            message = await socket.receive()
            assert (message["id"], message["type"]) == ("3", "error")
            assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
            await socket.send("complete", id="1")
            await socket.subscribe("3", "{ hello }")
            assert (await socket.receive())["type"] == "next"

    async def test_operations_have_request_ids_of_their_own(
        self, ready: Socket, server: Server
    ) -> None:
        for id_ in "12":
            await ready.subscribe(id_, "{ hello }")
            assert [(await ready.receive())["type"] for _ in range(2)] == ["next", "complete"]
        first, second = server.witness.request_ids
        assert first.removesuffix(".1") == second.removesuffix(".2")
        assert server.witness.logged == [{"request_id": first}, {"request_id": second}]

    async def test_subscription_waits_for_a_client_that_does_not_read(self, server: Server) -> None:
        async with connecting(server.socket_url, compression=None) as socket:
            await socket.open()
            await socket.subscribe("1", "subscription { endless(bytesEach: 100000) }")
            socket.connection.transport.pause_reading()
            seen: list[int] = []

            def is_quiet() -> bool:
                seen.append(server.witness.counts["events"])
                return len(seen) > 10 and seen[-1] == seen[-10] > 0

            await until(is_quiet)
            assert not server.witness.ended.is_set()
            socket.connection.transport.abort()
        await server.ended()
