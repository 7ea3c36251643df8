"""Sockets under floods, other protocols and generated noise."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.sockets import connecting
from tests.waiting import until
from tests.weft.transport.toy import Server, serving
from weft.transport import socket_session
from weft.transport.limits import Rate, SocketLimits

NOISE = settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
TYPES = ("connection_init", "ping", "pong", "subscribe", "complete", "start", "next", "")
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(TYPES) | ANY_JSON,
        "id": st.sampled_from(["1", "2"]) | ANY_JSON,
        "payload": ANY_JSON
        | st.fixed_dictionaries(
            {},
            optional={"query": st.text(max_size=40) | st.just("{ hello }"), "variables": ANY_JSON},
        ),
    },
)
END = {"the": "end"}
ENDS = {1007, 1009, 1013, 4400, 4401, 4403, 4409, 4429}


async def is_healthy(server: Server) -> bool:
    async with connecting(server.socket_url) as socket:
        await socket.open()
        await socket.subscribe("1", "{ hello }")
        return (await socket.receive())["payload"] == {"data": {"hello": "world"}}


class TestNoise:
    @NOISE
    @given(messages=st.lists(MESSAGES, min_size=1, max_size=8))
    async def test_json_noise_is_answered_or_closes_the_socket_with_a_code(
        self, server: Server, messages: list[dict[str, Any]]
    ) -> None:
        async with connecting(server.socket_url) as socket:
            await socket.send("connection_init")
            try:
                for message in messages:
                    await socket.connection.send(json.dumps(message))
                await socket.send("ping", payload=END)
                while (await socket.receive()).get("payload") != END:
                    pass
            except ConnectionClosed:
                assert socket.connection.close_code in ENDS

    @NOISE
    @given(frames=st.lists(st.binary(max_size=60) | st.text(max_size=60), max_size=6))
    async def test_byte_noise_closes_the_socket_with_a_code(
        self, server: Server, frames: list[bytes | str]
    ) -> None:
        async with connecting(server.socket_url) as socket:
            try:
                for frame in frames:
                    await socket.connection.send(frame)
            except ConnectionClosed:
                pass
            if frames:
                code, _ = await socket.closed()
                assert code in ENDS

    async def test_noise_leaves_the_server_healthy(self, server: Server) -> None:
        assert await is_healthy(server)
        await until(lambda: server.live.in_flight.count == 0)


class TestFlood:
    async def test_flood_of_operations_above_the_rate_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            socket_session, "Rate", lambda per_second, _: Rate(per_second, lambda: 0)
        )
        limits = SocketLimits(operations_per_second=20)
        async with serving(limits=limits) as server:
            async with connecting(server.socket_url) as socket:
                await socket.open()
                for number in range(1_000):
                    await socket.subscribe(str(number), "{ hello }")
                refused = 0
                ended = 0
                while ended < 1_000:
                    message = await socket.receive()
                    refused += message["type"] == "error"
                    ended += message["type"] in ("error", "complete")
                assert refused == 980
            assert await is_healthy(server)

    async def test_flood_of_pings_is_answered(self, server: Server) -> None:
        async with connecting(server.socket_url) as socket:
            await socket.open()
            for _ in range(2_000):
                await socket.send("ping")
            for _ in range(2_000):
                assert (await socket.receive())["type"] == "pong"

    async def test_flood_of_sockets_is_refused(self) -> None:
        async with serving(limits=SocketLimits(per_address=5)) as server:
            sockets = [connecting(server.socket_url) for _ in range(5)]
            for socket in sockets:
                await socket.__aenter__()
            with pytest.raises(InvalidStatus) as refused:
                await connecting(server.socket_url).__aenter__()
            assert refused.value.response.status_code == 429
            for socket in sockets:
                await socket.__aexit__(None, None, None)
            assert await is_healthy(server)


class TestProtocols:
    async def test_subscribe_before_the_handshake_closes_the_socket(self, server: Server) -> None:
        async with connecting(server.socket_url) as socket:
            await socket.subscribe("1", "{ hello }")
            assert (await socket.closed())[0] == 4401

    async def test_pages_of_other_origins_are_refused(self, server: Server) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connecting(server.socket_url, origin=Origin("https://evil.example")).__aenter__()
        assert refused.value.response.status_code == 403
