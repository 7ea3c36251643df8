"""The limits of subscriptions of one client, and the turns that clients' events take."""

import asyncio

from tests.waiting import soon, until
from tests.weft.transport.addressed import (
    GOOD,
    HERE,
    PLENTY,
    THERE,
    TICKS,
    budget_of,
    code_of,
    different,
    joined,
    socket_from,
)
from tests.weft.transport.toy import serving
from weft.transport.limits import SocketLimits
from weft.transport.rendered import RENDERED_AT_ONCE


class TestBounds:
    LIMITS = SocketLimits(subscriptions_per_viewer=2, subscriptions_per_address=3)

    async def test_different_subscriptions_of_an_address_are_limited(self) -> None:
        async with (
            serving(budget=budget_of(PLENTY), limits=self.LIMITS) as server,
            socket_from(server, HERE) as first,
            socket_from(server, HERE) as second,
            socket_from(server, THERE) as elsewhere,
        ):
            await joined(first, "1", different(1))
            await joined(first, "2", different(2))
            await joined(second, "3", different(3))
            opened = len(server.witness.feeds)

            await second.subscribe("4", different(4))
            assert code_of(await second.receive()) == "TOO_MANY_REQUESTS"
            assert len(server.witness.feeds) == opened == 3

            await joined(second, "1", different(1))  # the address has this one already
            await joined(elsewhere, "4", different(4))
            await first.send("complete", id="1")
            await first.ping()
            await second.subscribe("5", different(5))  # `second` still has the first
            assert code_of(await second.receive()) == "TOO_MANY_REQUESTS"
            await second.send("complete", id="1")
            await joined(second, "5", different(5))

    async def test_different_subscriptions_of_a_viewer_are_limited_at_all_addresses(self) -> None:
        async with (
            serving(budget=budget_of(PLENTY), limits=self.LIMITS) as server,
            socket_from(server, HERE, GOOD) as first,
            socket_from(server, THERE, GOOD) as second,
        ):
            await joined(first, "1", different(1))
            await joined(second, "2", different(2))
            await second.subscribe("3", different(3))
            assert code_of(await second.receive()) == "TOO_MANY_REQUESTS"
            await joined(second, "1", different(1))

    async def test_places_are_given_back_however_subscriptions_end(self) -> None:
        limits = SocketLimits(subscriptions_per_address=1, resumes=1)
        async with serving(budget=budget_of(PLENTY), limits=limits) as server:
            async with socket_from(server, HERE) as socket:
                await joined(socket, "1", different(1))
            await until(lambda: not server.witness.feeds)
            async with socket_from(server, HERE) as socket:
                for number in range(5):
                    await socket.subscribe("fails", f"subscription F{number} {{ fails }}")
                    while (await socket.receive())["type"] != "complete":
                        pass
                await socket.subscribe("endless", "subscription { endless }")
                await socket.receive()
                await socket.send("complete", id="endless")
                await soon(server.witness.ended.wait())
                await joined(socket, "1", different(2))
                server.witness.feeds[0].close()
                await socket.send("complete", id="1")
                await socket.subscribe("3", "subscription { ticks(after: 7) { number } }")
                assert code_of(await socket.receive()) != "TOO_MANY_REQUESTS"
                await joined(socket, "1", different(3))

    async def test_subscriptions_that_catch_up_are_limited(self) -> None:
        limits = SocketLimits(resumes=1)
        async with (
            serving(budget=budget_of(PLENTY), limits=limits) as server,
            socket_from(server, HERE) as socket,
            socket_from(server, THERE) as elsewhere,
        ):
            await socket.subscribe("1", "subscription { endless }")
            await socket.receive()
            await socket.subscribe("2", TICKS)
            assert code_of(await socket.receive()) == "TOO_MANY_REQUESTS"
            await joined(elsewhere)
            await joined(elsewhere, "2")
            await socket.send("complete", id="1")
            await soon(server.witness.ended.wait())
            await joined(socket)


class TestTurns:
    async def test_many_events_at_once_delay_neither_requests_nor_other_events(
        self,
    ) -> None:
        limits = SocketLimits(operations=1_000, operations_per_second=1_000)
        async with (
            serving(budget=budget_of(PLENTY), limits=limits) as server,
            socket_from(server, HERE) as busy,
            socket_from(server, THERE, GOOD) as calm,
        ):
            for number in range(300):
                await busy.subscribe(str(number), different(number))
            await until(lambda: len(server.live.broadcasts) == 300)
            await joined(calm)
            order = server.witness.executed_for
            at_request: list[int] = []

            await calm.subscribe("request", "{ hello }")
            server.witness.tick()
            while len(at_request) < 1:
                message = await calm.receive()
                if message["id"] == "request":
                    at_request.append(len(order))
            await until(lambda: len(order) == 301)

            # The event of `calm` is among the first of those that had to wait.
            assert order.index("ada") <= RENDERED_AT_ONCE + 1
            assert at_request[0] <= 10 * RENDERED_AT_ONCE

    async def test_events_that_begin_at_once_are_limited(self) -> None:
        limits = SocketLimits(operations=1_000, operations_per_second=1_000)
        async with (
            serving(budget=budget_of(PLENTY), limits=limits) as server,
            socket_from(server, HERE) as busy,
        ):
            for number in range(100):
                await busy.subscribe(str(number), different(number))
            await until(lambda: len(server.live.broadcasts) == 100)
            order = server.witness.executed_for
            steps: list[int] = []

            server.witness.tick()
            while len(order) < 100:
                before = len(order)
                await asyncio.sleep(0)
                steps.append(len(order) - before)

            assert max(steps) <= RENDERED_AT_ONCE
