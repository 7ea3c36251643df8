"""Held connections: calls that wait for one while connecting fails."""

import asyncio

import pytest

from weft.errors import Unavailable
from weft.loading.connections import HeldConnections


class Line:
    """A connection that is always open."""

    is_closed = False

    async def close(self) -> None: ...


class Server:
    """Accepts connections once it is up; counts the attempts."""

    def __init__(self) -> None:
        self.tries = 0
        self.answers = asyncio.Event()
        self.is_up = False

    async def connect(self) -> Line:
        self.tries += 1
        await self.answers.wait()
        if not self.is_up:
            raise Unavailable("down")
        return Line()


class TestFailure:
    async def test_failure_to_connect_fails_all_calls_that_wait_meanwhile(self) -> None:
        server = Server()
        held = HeldConnections(server.connect, 1)
        calls = [asyncio.ensure_future(held.take()) for _ in range(5)]
        await asyncio.sleep(0)
        server.answers.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
        assert len(set(map(id, outcomes))) == 5
        assert server.tries == 1

    async def test_failure_to_connect_does_not_fail_a_later_call(self) -> None:
        """Not even while earlier calls are still failing."""
        server = Server()
        held = HeldConnections(server.connect, 1)
        late: list[asyncio.Future[Line]] = []

        async def fail_and_call_again() -> None:
            with pytest.raises(Unavailable):
                await held.take()
            server.is_up = True
            late.append(asyncio.ensure_future(held.take()))

        first = asyncio.ensure_future(fail_and_call_again())
        waiting = [asyncio.ensure_future(held.take()) for _ in range(5)]
        await asyncio.sleep(0)
        server.answers.set()
        await first
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
        assert isinstance(await late[0], Line)
        assert server.tries == 2
