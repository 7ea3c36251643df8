import asyncio
from typing import Any

import pytest

from tests.weft.server.manual_clock import ManualClock
from tests.weft.transport.conftest import one_server, server
from weft.server.http_protocol import HttpProtocol

__all__ = ["clock", "one_server", "server"]


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock of the HTTP connections that are opened during the test."""
    clock = ManualClock(asyncio.get_running_loop())
    made = HttpProtocol.__init__

    def make(protocol: HttpProtocol, *arguments: Any, **named: Any) -> None:
        clock.connections.append(protocol)
        made(protocol, *arguments, **named | {"_loop": clock})

    monkeypatch.setattr(HttpProtocol, "__init__", make)
    return clock
