"""graphql-transport-ws, by the letter."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.sockets import TRANSPORT_WS, Socket
from tests.sockets import connecting as connecting_to
from tests.weft.transport.toy import Server, serving
from weft.transport.limits import SocketLimits

PATIENCE_SECONDS = 5


@asynccontextmanager
async def connecting(server: Server, **options: Any) -> AsyncGenerator[Socket]:
    async with connecting_to(server.socket_url, **options) as socket:
        yield socket


@pytest.fixture
async def raw(server: Server) -> AsyncIterator[Socket]:
    """A socket that nothing was said on."""
    async with connecting(server) as socket:
        yield socket


@pytest.fixture
async def ready(raw: Socket) -> Socket:
    """An acknowledged socket of a stranger."""
    await raw.open()
    return raw


async def ended(server: Server) -> None:
    await asyncio.wait_for(server.witness.ended.wait(), PATIENCE_SECONDS)


class TestClient:
    async def test_of_the_gql_package_is_served(self, server: Server) -> None:
        transport = WebsocketsTransport(
            server.socket_url,
            subprotocols=[TRANSPORT_WS],
            init_payload={"Authorization": "Bearer good"},
        )
        async with Client(transport=transport) as session:
            events = [e async for e in session.subscribe(gql("subscription { count(to: 3) }"))]
            assert events == [{"count": 0}, {"count": 1}, {"count": 2}]
            assert await session.execute(gql("{ viewer }")) == {"viewer": "ada"}
            assert await session.execute(gql("mutation { add }")) == {"add": 1}


class TestOpening:
    async def test_chooses_the_subprotocol(self, server: Server) -> None:
        offers = [Subprotocol("graphql-ws"), TRANSPORT_WS]
        async with connect(server.socket_url, subprotocols=offers, proxy=None) as connection:
            assert connection.subprotocol == TRANSPORT_WS

    @pytest.mark.parametrize("offers", [None, [Subprotocol("graphql-ws")]])
    async def test_without_the_subprotocol_is_4406(
        self, server: Server, offers: list[Subprotocol] | None
    ) -> None:
        # The client library itself refuses an answer without any subprotocol that it offered.
        async with connect(server.socket_url, subprotocols=offers, proxy=None) as connection:
            assert (await Socket(connection).closed())[0] == 4406

    @pytest.mark.parametrize("origin", ["https://app.example", None, "same"])
    async def test_is_for_known_origins(self, server: Server, origin: str | None) -> None:
        given = f"http://{server.address}" if origin == "same" else origin
        async with connecting(server, origin=given) as socket:
            await socket.open()

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil"])
    async def test_by_a_page_of_another_origin_is_403(self, server: Server, origin: str) -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with connecting(server, origin=origin):
                pass
        assert refusal.value.response.status_code == 403

    async def test_of_another_path_is_refused(self, server: Server) -> None:
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://{server.address}/else", proxy=None):
                pass

    async def test_under_another_host_is_refused(self) -> None:
        async with serving(allowed_hosts=("api.example",)) as server:
            with pytest.raises(InvalidStatus) as refusal:
                async with connecting(server):
                    pass
            assert refusal.value.response.status_code == 400


class TestInitialisation:
    async def test_that_does_not_come_is_4408(self) -> None:
        limits = SocketLimits(init_timeout_seconds=0.02)
        async with serving(limits=limits) as server, connecting(server) as socket:
            assert await socket.closed() == (4408, "Connection initialisation timeout")

    async def test_is_not_replaced_by_pings(self) -> None:
        limits = SocketLimits(init_timeout_seconds=0.05)
        async with serving(limits=limits) as server, connecting(server) as socket:
            await socket.send("ping")
            assert await socket.receive() == {"type": "pong"}
            assert (await socket.closed())[0] == 4408

    async def test_comes_before_any_operation(self, raw: Socket) -> None:
        await raw.subscribe("1", "{ hello }")
        assert await raw.closed() == (4401, "Unauthorized")

    async def test_twice_is_4429(self, ready: Socket) -> None:
        await ready.send("connection_init")
        assert await ready.closed() == (4429, "Too many initialisation requests")

    @pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
    async def test_carries_the_credentials(self, raw: Socket, name: str) -> None:
        await raw.open(**{name: "Bearer good"})
        await raw.subscribe("1", "{ viewer }")
        assert (await raw.receive())["payload"] == {"data": {"viewer": "ada"}}

    async def test_falls_back_to_the_header(self, server: Server) -> None:
        headers = {"authorization": "Bearer good"}
        async with connecting(server, additional_headers=headers) as socket:
            await socket.open()
            await socket.subscribe("1", "{ viewer }")
            assert (await socket.receive())["payload"] == {"data": {"viewer": "ada"}}

    @pytest.mark.parametrize(
        ("authorization", "code", "reason"),
        [
            ("Bearer bad", 4403, "The token is malformed."),
            (7, 4403, "Authorization must be a string"),
            ("Bearer unavailable", 1013, "The sessions cannot be read now."),
            ("Bearer broken", 4500, "Internal server error"),
        ],
    )
    async def test_with_bad_credentials_closes(
        self, raw: Socket, authorization: Any, code: int, reason: str
    ) -> None:
        await raw.send("connection_init", payload={"Authorization": authorization})
        assert await raw.closed() == (code, reason)


class TestMessages:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nonsense",
            "[]",
            "{}",
            '{"type":"start","id":"1"}',
            '{"type":"connection_ack"}',
            '{"type":"ping","payload":7}',
            '{"type":"subscribe","id":"1"}',
            '{"type":"subscribe","id":"1","payload":{}}',
            '{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","id":"1","payload":{"query":"{ hello }","variables":[]}}',
            '{"type":"complete"}',
            '{"type":"ping","type":"ping"}',
            r'{"type":"complete","id":"\u0000"}',
            b'{"type":"ping"}',
        ],
    )
    async def test_of_another_form_are_4400(self, ready: Socket, text: str | bytes) -> None:
        await ready.connection.send(text)
        code, reason = await ready.closed()
        assert code == 4400
        assert reason

    async def test_too_long_are_1009(self) -> None:
        limits = SocketLimits(message_limit_bytes=100)
        async with serving(limits=limits) as server, connecting(server) as socket:
            await socket.open()
            await socket.connection.send('{"type":"ping"}'.ljust(100))
            assert await socket.receive() == {"type": "pong"}
            await socket.connection.send('{"type":"ping"}'.ljust(101))
            assert await socket.closed() == (1009, "Messages are at most 100 bytes")

    async def test_ping_is_answered_with_its_payload(self, ready: Socket) -> None:
        await ready.send("ping", payload={"a": 1})
        assert await ready.receive() == {"type": "pong", "payload": {"a": 1}}

    async def test_pong_needs_no_question(self, ready: Socket) -> None:
        await ready.send("pong", payload={"a": 1})
        await ready.send("ping")
        assert await ready.receive() == {"type": "pong"}


class TestOperations:
    async def test_of_one_result_send_next_and_complete(self, ready: Socket) -> None:
        query = "query A { broken } query B($text: String!) { echo(text: $text) }"
        await ready.subscribe("é", query, operationName="B", variables={"text": "漢"})
        assert await ready.receive() == {
            "id": "é",
            "type": "next",
            "payload": {"data": {"echo": "漢"}},
        }
        assert await ready.receive() == {"id": "é", "type": "complete"}

    async def test_that_stream_send_all_and_complete(self, ready: Socket) -> None:
        await ready.subscribe("1", "subscription { count(to: 2) }")
        messages = [await ready.receive() for _ in range(3)]
        assert [message["type"] for message in messages] == ["next", "next", "complete"]
        assert [m["payload"]["data"]["count"] for m in messages[:2]] == [0, 1]

    @pytest.mark.parametrize("query", ["{ nothing }", "{", "subscription { count }"])
    async def test_that_cannot_run_send_error_alone(self, ready: Socket, query: str) -> None:
        await ready.subscribe("1", query)
        message = await ready.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["message"]
        await ready.subscribe("1", "{ hello }")
        assert (await ready.receive())["type"] == "next"

    async def test_with_failed_fields_send_next(self, ready: Socket) -> None:
        await ready.subscribe("1", "{ broken }")
        message = await ready.receive()
        assert message["type"] == "next"
        assert message["payload"]["data"] is None
        assert message["payload"]["errors"][0]["message"] == "Internal server error"

    async def test_whose_source_fails_end_with_a_masked_error(self, ready: Socket) -> None:
        await ready.subscribe("1", "subscription { fails }")
        messages = [await ready.receive()]
        while messages[-1]["type"] not in ("complete", "error"):
            messages.append(await ready.receive())
        assert messages[0]["payload"] == {"data": {"fails": 1}}
        assert "Internal server error" in json.dumps(messages[1])
        assert "secret" not in json.dumps(messages)

    async def test_whose_result_cannot_be_written_end_alone(self, ready: Socket) -> None:
        await ready.subscribe("1", "{ unwritable }")
        message = await ready.receive()
        assert (message["type"], message["payload"][0]["message"]) == (
            "error",
            "Internal server error",
        )

    async def test_run_side_by_side(self, ready: Socket, server: Server) -> None:
        await ready.subscribe("slow", "subscription { endless }")
        await ready.subscribe("quick", "{ hello }")
        seen = [await ready.receive() for _ in range(3)]
        assert {"id": "quick", "type": "complete"} in seen
        assert not server.witness.ended.is_set()

    async def test_of_one_id_at_once_are_4409(self, ready: Socket, server: Server) -> None:
        await ready.subscribe("1", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.subscribe("1", "{ hello }")
        assert await ready.closed() == (4409, "Subscriber for 1 already exists")
        await ended(server)

    async def test_may_reuse_an_id_that_was_completed(self, ready: Socket) -> None:
        for _ in range(3):
            await ready.subscribe("1", "{ hello }")
            assert (await ready.receive())["type"] == "next"
            assert await ready.receive() == {"id": "1", "type": "complete"}

    async def test_end_when_the_client_completes_them(self, ready: Socket, server: Server) -> None:
        await ready.subscribe("1", "subscription { endless }")
        assert (await ready.receive())["type"] == "next"
        await ready.send("complete", id="1")
        await ended(server)
        await ready.subscribe("1", "{ hello }")
        message = await ready.receive()
        assert message["payload"] == {"data": {"hello": "world"}}

    async def test_need_not_be_known_to_be_completed(self, ready: Socket) -> None:
        await ready.send("complete", id="never")
        await ready.subscribe("1", "{ hello }")
        assert (await ready.receive())["type"] == "next"

    async def test_end_with_the_socket(self, server: Server) -> None:
        async with connecting(server) as socket:
            await socket.open()
            await socket.subscribe("1", "subscription { endless }")
            assert (await socket.receive())["type"] == "next"
            assert not server.witness.ended.is_set()
        await ended(server)

    async def test_are_limited_in_number(self) -> None:
        limits = SocketLimits(operations=2)
        async with serving(limits=limits) as server, connecting(server) as socket:
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

    async def test_have_request_ids_of_their_own(self, ready: Socket, server: Server) -> None:
        for id_ in "12":
            await ready.subscribe(id_, "{ hello }")
            assert [(await ready.receive())["type"] for _ in range(2)] == ["next", "complete"]
        first, second = server.witness.request_ids
        assert first.removesuffix(".1") == second.removesuffix(".2")
        assert server.witness.logged == [{"request_id": first}, {"request_id": second}]

    async def test_wait_for_a_client_that_does_not_read(self, server: Server) -> None:
        async with connecting(server, compression=None) as socket:
            await socket.open()
            await socket.subscribe("1", "subscription { endless(bytesEach: 100000) }")
            socket.connection.transport.pause_reading()
            counts, quiet = server.witness.counts, 0
            async with asyncio.timeout(PATIENCE_SECONDS):
                while quiet < 20:
                    seen = counts["events"]
                    await asyncio.sleep(0.005)
                    quiet = quiet + 1 if counts["events"] == seen > 0 else 0
            assert not server.witness.ended.is_set()
            socket.connection.transport.abort()
        await ended(server)


class TestCredentials:
    async def test_close_the_socket_when_they_expire(self, raw: Socket, server: Server) -> None:
        await raw.open(Authorization="Bearer brief")
        await raw.subscribe("1", "subscription { endless }")
        assert await raw.closed() == (4403, "The credentials have expired")
        await ended(server)

    async def test_are_asked_for_by_every_operation(self, raw: Socket, server: Server) -> None:
        await raw.open(Authorization="Bearer good")
        server.witness.revoked = True
        await raw.subscribe("1", "{ viewer }")
        assert await raw.closed() == (4403, "The session has ended.")


class TestShutdown:
    async def test_tells_clients_to_come_back(self) -> None:
        async with serving() as server:
            async with connecting(server) as socket:
                await socket.open()
                await socket.subscribe("1", "subscription { endless }")
                assert (await socket.receive())["type"] == "next"
                await server.uvicorn.shutdown()
                assert (await socket.closed())[0] == 1012
            await ended(server)


async def test_idle_sockets_hold_no_task_of_ours(server: Server) -> None:
    before = len(asyncio.all_tasks())
    async with connecting(server) as socket:
        await socket.open()
        # The server's for the socket, and the client's keep-alive.
        assert len(asyncio.all_tasks()) - before <= 2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.connection.recv(), 0.05)
