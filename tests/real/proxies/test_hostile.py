"""A stranger behind a proxy gets no request, no response and no token of other clients."""

import asyncio

import psutil
import pytest

from tests.real.proxies.hostile import (
    BODIES,
    DOUBTS,
    HANDSHAKES,
    LATE,
    UNENDED,
    WHOLE,
    unended_head,
    whole_request,
)
from tests.real.proxies.site import Person, Site, address_of, assert_is_of, viewer
from tests.real.proxies.wire import connected


class TestProxy:
    async def test_proxy_shares_one_connection_among_all_clients(self, proxied: Site) -> None:
        """Without this the other tests of this module would prove nothing."""
        await proxied.assert_serves_everybody()
        connections = connections_of(proxied)
        assert connections
        await proxied.assert_serves_everybody()
        assert connections_of(proxied) == connections


def connections_of(site: Site) -> set[tuple[str, int]]:
    """Returns the remote addresses of the connections to the server."""
    port = int(address_of(site.process).rpartition(":")[2])
    return {
        (connection.raddr.ip, connection.raddr.port)
        for connection in psutil.Process(site.process.process.pid).net_connections("tcp")
        if connection.laddr.port == port and connection.status == psutil.CONN_ESTABLISHED
    }


class TestBody:
    @pytest.mark.parametrize("trap", WHOLE)
    @pytest.mark.parametrize("framing", BODIES)
    async def test_body_is_never_run_as_a_request(
        self, site: Site, framing: str, trap: str
    ) -> None:
        await site.attack(BODIES[framing](WHOLE[trap](site.stranger)))

    @pytest.mark.parametrize("trap", UNENDED)
    @pytest.mark.parametrize("framing", BODIES)
    async def test_body_never_begins_the_next_request(
        self, proxied: Site, framing: str, trap: str
    ) -> None:
        await proxied.attack(BODIES[framing](UNENDED[trap](proxied.stranger)))

    @pytest.mark.parametrize("trap", WHOLE)
    @pytest.mark.parametrize("framing", BODIES)
    async def test_connection_stays_usable_after_the_body_unless_it_is_closed(
        self, direct: Site, framing: str, trap: str
    ) -> None:
        person = direct.honest[0]
        request = BODIES[framing](WHOLE[trap](direct.stranger))
        async with connected(direct.address) as wire:
            wire.send(request)
            answer = await wire.response(request.split()[0].decode())
            assert 200 <= answer.status < 500
            if answer.closes:
                assert await wire.rest() == b""
            else:
                assert_is_of(await viewer(wire, person), person)


class TestConcurrency:
    async def test_honest_clients_are_served_beside_strangers(self, proxied: Site) -> None:
        before = await proxied.items()
        trap = unended_head(proxied.stranger)
        strangers = [proxied.send_and_go(framing(trap)) for framing in BODIES.values()]
        clients = [ask_repeatedly(proxied, person) for person in [*proxied.honest] * 5]
        await asyncio.gather(*strangers, *clients)
        assert await proxied.items() == before
        await proxied.assert_serves_everybody()


async def ask_repeatedly(site: Site, person: Person) -> None:
    for _ in range(20):
        async with connected(site.address) as wire:
            assert_is_of(await viewer(wire, person), person)


class TestLateBody:
    @pytest.mark.parametrize("framing", LATE)
    async def test_late_body_is_never_run_as_a_request(self, site: Site, framing: str) -> None:
        body = whole_request(site.stranger)
        request = LATE[framing](b" " * 1_000 + body)
        await site.attack(request.removesuffix(body), body)

    @pytest.mark.parametrize("trap", UNENDED)
    @pytest.mark.parametrize("framing", LATE)
    async def test_late_body_never_begins_the_next_request(
        self, proxied: Site, framing: str, trap: str
    ) -> None:
        body = UNENDED[trap](proxied.stranger)
        request = LATE[framing](b" " * 1_000 + body)
        await proxied.attack(request.removesuffix(body), body)

    @pytest.mark.parametrize("framing", LATE)
    async def test_missing_body_is_not_taken_from_the_next_request(
        self, proxied: Site, framing: str
    ) -> None:
        body = whole_request(proxied.stranger)
        await proxied.attack(LATE[framing](body).removesuffix(body))


class TestAmbiguousRequest:
    @pytest.mark.parametrize("trap", ["head", "body"])
    @pytest.mark.parametrize("framing", DOUBTS)
    async def test_leftover_bytes_never_begin_the_next_request(
        self, proxied: Site, framing: str, trap: str
    ) -> None:
        await proxied.attack(DOUBTS[framing](UNENDED[trap](proxied.stranger)))

    @pytest.mark.parametrize("framing", DOUBTS)
    async def test_connection_closes_after_a_request_that_two_parsers_could_end_differently(
        self, direct: Site, framing: str
    ) -> None:
        before = await direct.items()
        async with connected(direct.address) as wire:
            wire.send(DOUBTS[framing](whole_request(direct.stranger)))
            answers = await wire.rest()
        assert answers.count(b"HTTP/1.1 ") == 1, answers
        assert answers[9:10] in (b"4", b"5"), answers
        assert await direct.items() == before


class TestHandshake:
    @pytest.mark.parametrize("trap", WHOLE)
    async def test_bytes_after_a_handshake_are_never_run_as_a_request(
        self, site: Site, trap: str
    ) -> None:
        await site.attack(HANDSHAKES["that is right"] + WHOLE[trap](site.stranger))

    @pytest.mark.parametrize("trap", UNENDED)
    @pytest.mark.parametrize("handshake", HANDSHAKES)
    async def test_bytes_after_a_handshake_never_begin_the_next_request(
        self, proxied: Site, handshake: str, trap: str
    ) -> None:
        await proxied.attack(HANDSHAKES[handshake] + UNENDED[trap](proxied.stranger))
