"""Conformance to graphql-transport-ws, from the handshake to the end of the socket."""

import asyncio
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.sockets import TRANSPORT_WS, Socket, connecting
from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.transport.toy import BRIEF_SECONDS, Server, serving
from weft.transport.limits import SocketLimits


class TestClient:
    async def test_client_of_the_gql_package_is_served(self, server: Server) -> None:
        transport = WebsocketsTransport(
            server.socket_url,
            subprotocols=[TRANSPORT_WS],
            init_payload={"Authorization": "Bearer good"},
            connect_timeout=PATIENCE_SECONDS,
            ack_timeout=PATIENCE_SECONDS,
        )
        client = Client(transport=transport, execute_timeout=PATIENCE_SECONDS)
        async with client as session:
            events = [e async for e in session.subscribe(gql("subscription { count(to: 3) }"))]
            assert events == [{"count": 0}, {"count": 1}, {"count": 2}]
            assert await session.execute(gql("{ viewer }")) == {"viewer": "ada"}
            assert await session.execute(gql("mutation { add }")) == {"add": 1}


class TestOpening:
    async def test_server_chooses_the_subprotocol(self, server: Server) -> None:
        offers = [Subprotocol("graphql-ws"), TRANSPORT_WS]
        async with connect(server.socket_url, subprotocols=offers, proxy=None) as connection:
            assert connection.subprotocol == TRANSPORT_WS

    @pytest.mark.parametrize("offers", [None, [Subprotocol("graphql-ws")]])
    async def test_missing_subprotocol_is_4406(
        self, server: Server, offers: list[Subprotocol] | None
    ) -> None:
        # Not `connecting`, which always offers the right subprotocol.
        async with connect(server.socket_url, subprotocols=offers, proxy=None) as connection:
            assert (await Socket(connection).closed())[0] == 4406

    @pytest.mark.parametrize("origin", ["https://app.example", None, "same"])
    async def test_known_origins_may_connect(self, server: Server, origin: str | None) -> None:
        given = f"http://{server.address}" if origin == "same" else origin
        async with connecting(server.socket_url, origin=given) as socket:
            await socket.open()

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil"])
    async def test_page_of_another_origin_is_403(self, server: Server, origin: str) -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with connecting(server.socket_url, origin=origin):
                pass
        assert refusal.value.response.status_code == 403

    async def test_another_path_is_refused(self, server: Server) -> None:
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://{server.address}/else", proxy=None):
                pass

    async def test_another_host_is_refused(self) -> None:
        async with serving(allowed_hosts=("api.example",)) as server:
            with pytest.raises(InvalidStatus) as refusal:
                async with connecting(server.socket_url):
                    pass
            assert refusal.value.response.status_code == 400


class TestInitialisation:
    async def test_missing_initialisation_is_4408(self) -> None:
        limits = SocketLimits(init_timeout_seconds=0.02)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            assert await socket.closed() == (4408, "Connection initialisation timeout")

    async def test_pings_do_not_replace_initialisation(self) -> None:
        limits = SocketLimits(init_timeout_seconds=0.05)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:

            async def ping_on() -> None:
                while True:
                    await socket.ping()

            with pytest.raises(ConnectionClosed):
                await soon(ping_on())
            assert socket.connection.close_code == 4408

    async def test_operation_before_initialisation_is_4401(self, raw: Socket) -> None:
        await raw.subscribe("1", "{ hello }")
        assert await raw.closed() == (4401, "Unauthorized")

    async def test_second_initialisation_is_4429(self, ready: Socket) -> None:
        await ready.send("connection_init")
        assert await ready.closed() == (4429, "Too many initialisation requests")

    @pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
    async def test_initialisation_carries_the_credentials(self, raw: Socket, name: str) -> None:
        await raw.open(**{name: "Bearer good"})
        await raw.subscribe("1", "{ viewer }")
        assert (await raw.receive())["payload"] == {"data": {"viewer": "ada"}}

    @pytest.mark.parametrize("empty", ["", " ", "Bearer", "Bearer ", None])
    async def test_empty_credentials_are_anonymous(self, server: Server, empty: str | None) -> None:
        headers = {"authorization": empty or ""}
        async with connecting(server.socket_url, additional_headers=headers) as socket:
            await socket.open(Authorization=empty)
            await socket.subscribe("1", "{ viewer }")
            assert (await socket.receive())["payload"] == {"data": {"viewer": "stranger"}}

    @pytest.mark.parametrize("payload", [{}, {"Authorization": ""}, {"Authorization": None}])
    async def test_missing_credentials_fall_back_to_the_header(
        self, server: Server, payload: dict[str, Any]
    ) -> None:
        headers = {"authorization": "Bearer good"}
        async with connecting(server.socket_url, additional_headers=headers) as socket:
            await socket.open(**payload)
            await socket.subscribe("1", "{ viewer }")
            assert (await socket.receive())["payload"] == {"data": {"viewer": "ada"}}

    @pytest.mark.parametrize(
        ("authorization", "code", "reason"),
        [
            ("Bearer bad", 4403, "The token is malformed."),
            ("Basic YTpi", 4403, "The token is malformed."),
            (7, 4403, "Authorization must be a string"),
            ("Bearer unavailable", 1013, "The sessions cannot be read now."),
            ("Bearer broken", 4500, "Internal server error"),
        ],
    )
    async def test_bad_credentials_close_the_socket(
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
            '{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","id":null,"payload":{"query":"{ hello }"}}',
            '{"id":"1","payload":{"query":"{ hello }"}}',
            '{"type":"subscribe","id":"1","id":"1","payload":{"query":"{ hello }"}}',
            r'{"type":"subscribe","id":"1","payload":{"query":"{ hello } \ud800"}}',
            '{"type":"complete"}',
            '{"type":"ping","type":"ping"}',
            r'{"type":"complete","id":"\u0000"}',
            b'{"type":"ping"}',
        ],
    )
    async def test_malformed_messages_are_4400(self, ready: Socket, text: str | bytes) -> None:
        await ready.connection.send(text)
        code, reason = await ready.closed()
        assert code == 4400
        assert reason

    async def test_messages_over_the_limit_are_1009(self) -> None:
        limits = SocketLimits(message_limit_bytes=100)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            await socket.open()
            await socket.connection.send('{"type":"ping"}'.ljust(100))
            assert await socket.receive() == {"type": "pong"}
            await socket.connection.send('{"type":"ping"}'.ljust(101))
            assert await socket.closed() == (1009, "Messages are at most 100 bytes")

    async def test_ping_is_answered_with_its_payload(self, ready: Socket) -> None:
        await ready.send("ping", payload={"a": 1})
        assert await ready.receive() == {"type": "pong", "payload": {"a": 1}}

    async def test_unsolicited_pong_is_ignored(self, ready: Socket) -> None:
        await ready.send("pong", payload={"a": 1})
        await ready.send("ping")
        assert await ready.receive() == {"type": "pong"}


class TestCredentials:
    async def test_expired_credentials_close_the_socket(self, raw: Socket) -> None:
        await raw.open(Authorization="Bearer brief")
        assert await raw.closed() == (4403, "The credentials have expired")

    async def test_expired_credentials_end_the_operations(
        self, raw: Socket, server: Server
    ) -> None:
        await raw.open(Authorization="Bearer good")
        await raw.subscribe("1", "subscription { endless }")
        assert (await raw.receive())["type"] == "next"
        await raw.send("ping", payload={"Authorization": "Bearer brief"})
        assert await raw.closed() == (4403, "The credentials have expired")
        await server.ended()

    async def test_renewed_credentials_keep_the_socket_open(self, raw: Socket) -> None:
        await raw.open(Authorization="Bearer good")
        # Sent together, so that the brief credentials cannot expire in between.
        for token in ("brief", "good"):
            await raw.send("ping", payload={"Authorization": f"Bearer {token}"})
        assert [(await raw.receive())["type"] for _ in range(2)] == ["pong", "pong"]
        await asyncio.sleep(2 * BRIEF_SECONDS)
        await raw.ping()

    @pytest.mark.parametrize("empty", ["", " ", "Bearer", "Bearer "])
    async def test_empty_credentials_renew_nothing(self, raw: Socket, empty: str) -> None:
        await raw.open(Authorization="Bearer good")
        await raw.ping(Authorization=empty)
        await raw.subscribe("1", "{ viewer }")
        assert (await raw.receive())["payload"] == {"data": {"viewer": "ada"}}

    async def test_credentials_are_checked_for_every_operation(
        self, raw: Socket, server: Server
    ) -> None:
        await raw.open(Authorization="Bearer good")
        server.witness.revoked = True
        await raw.subscribe("1", "{ viewer }")
        assert await raw.closed() == (4403, "The session has ended.")


class TestShutdown:
    async def test_shutdown_closes_sockets_with_1012(self) -> None:
        async with serving() as server:
            async with connecting(server.socket_url) as socket:
                await socket.open()
                await socket.subscribe("1", "subscription { endless }")
                assert (await socket.receive())["type"] == "next"
                await server.uvicorn.shutdown()
                assert (await socket.closed())[0] == 1012
            await server.ended()


async def test_idle_sockets_hold_no_task_of_ours(server: Server) -> None:
    before = len(asyncio.all_tasks())
    async with connecting(server.socket_url) as socket:
        await socket.open()
        await socket.ping()  # the pong is the next message, so none came before it
        assert len(asyncio.all_tasks()) - before <= 1  # uvicorn's
