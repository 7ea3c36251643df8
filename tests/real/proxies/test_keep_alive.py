"""The server does not close a proxy's idle connection just when its next request arrives."""

import asyncio
import time
from pathlib import Path

import pytest

from settings import Settings
from tests.processes import serving
from tests.real.proxies.proxies import nginx
from tests.real.proxies.site import Site, address_of, assert_is_of, signed_up, viewer
from tests.real.proxies.wire import connected

SHORT_SECONDS = 5
"""The default of uvicorn and of Node; nginx keeps its own connections for 60."""
PROXY_SECONDS = 1
IDLE_SECONDS = (0.9, 0.97, 0.99, 1.0, 1.01, 1.03)
"""Pauses close to the second for which the proxy keeps its connections."""


class TestIdleConnection:
    async def test_connection_stays_open_longer_than_common_defaults(self, direct: Site) -> None:
        person = direct.honest[0]
        async with connected(direct.address) as wire:
            assert_is_of(await viewer(wire, person), person)
            assert await wire.some(SHORT_SECONDS + 1) == b""
            assert_is_of(await viewer(wire, person), person)

    async def test_no_request_fails_if_the_proxy_closes_connections_earlier_than_the_server(
        self, settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEEP_ALIVE_SECONDS", str(4 * PROXY_SECONDS))
        async with serving(settings) as process:
            person = await signed_up(process, "Ada")
            server = address_of(process)
            async with nginx(directory, server, idle_seconds=PROXY_SECONDS) as address:
                for seconds in IDLE_SECONDS:
                    async with connected(address) as wire:
                        assert_is_of(await viewer(wire, person), person)
                    await asyncio.sleep(seconds)

    async def test_connection_is_kept_for_the_time_of_the_setting(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEEP_ALIVE_SECONDS", "2")
        async with serving(settings) as process:
            person = await signed_up(process, "Ada")
            async with connected(address_of(process)) as wire:
                assert_is_of(await viewer(wire, person), person)
                answered = time.monotonic()
                assert await wire.rest() == b""
                assert time.monotonic() - answered > 1.5
