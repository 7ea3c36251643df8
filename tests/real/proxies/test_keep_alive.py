"""A connection that a proxy keeps is not closed by the server under its next request."""

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
"""How long a proxy that keeps connections for a second is left alone: close to that, each time."""


class TestIdleConnection:
    async def test_connection_is_open_after_longer_than_proxies_expect(self, direct: Site) -> None:
        person = direct.honest[0]
        async with connected(direct.address) as wire:
            assert_is_of(await viewer(wire, person), person)
            assert await wire.some(SHORT_SECONDS + 1) == b""
            assert_is_of(await viewer(wire, person), person)

    async def test_no_request_fails_while_the_proxy_is_less_patient_than_the_server(
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

    async def test_connection_is_kept_for_as_long_as_the_setting_says(
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
