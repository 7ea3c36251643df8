"""Charges for the events of subscriptions, and their clients, over real sockets and streams."""

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx

from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.transport.addressed import (
    EVENT_COST,
    GOOD,
    HERE,
    PLENTY,
    THERE,
    TICKS,
    budget_of,
    code_of,
    joined,
    socket_from,
    spent,
)
from tests.weft.transport.toy import serving
from weft.rates.budget import charge_bytes
from weft.transport.limits import SocketLimits


class TestCharge:
    async def test_each_event_costs_as_much_as_its_operation(self) -> None:
        budget = budget_of(PLENTY)
        async with serving(budget=budget) as server, socket_from(server, HERE) as socket:
            await joined(socket)
            begun = spent(budget, HERE)
            for number in range(1, 6):
                server.witness.tick()
                await socket.receive()
                assert spent(budget, HERE) - begun == number * EVENT_COST

    async def test_viewer_and_address_are_both_charged(self) -> None:
        budget = budget_of(PLENTY)
        async with serving(budget=budget) as server, socket_from(server, HERE, GOOD) as socket:
            await joined(socket)
            begun = spent(budget, HERE), spent(budget, "ada", "viewer")
            server.witness.tick()
            await socket.receive()
            assert spent(budget, HERE) == begun[0] + EVENT_COST
            assert spent(budget, "ada", "viewer") == begun[1] + EVENT_COST

    async def test_members_of_a_broadcast_are_charged_in_turn(self) -> None:
        budget = budget_of(PLENTY)
        addresses = [f"203.0.113.{number}" for number in range(5)]
        async with serving(budget=budget) as server, AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(socket_from(server, address))
                for address in addresses
            ]
            for socket in sockets:
                await joined(socket)
            begun = [spent(budget, address) for address in addresses]
            for _ in range(10):
                server.witness.tick()
                for socket in sockets:
                    await socket.receive()
            assert server.witness.counts["executed"] == 10
            paid = [spent(budget, address) for address in addresses]
            assert [end - start for start, end in zip(begun, paid, strict=True)] == [
                2 * EVENT_COST
            ] * 5

    async def test_only_the_member_without_budget_is_ended(self) -> None:
        budget = budget_of(100)
        async with (
            serving(budget=budget) as server,
            socket_from(server, HERE) as poor,
            socket_from(server, THERE) as rich,
        ):
            await joined(poor)
            await joined(rich)
            budget.charge(("address", HERE), 100)
            for number in (1, 2, 3):
                server.witness.tick()
                message = await rich.receive()
                assert message["payload"] == {"data": {"ticks": {"number": number}}}
            first = await poor.receive()
            assert code_of(first) == "TOO_MANY_REQUESTS"
            assert first["payload"][0]["path"] == ["ticks"]
            assert 1 <= first["payload"][0]["extensions"]["retryAfterSeconds"] <= 60
            assert server.witness.counts["executed"] == 3
            await poor.ping()
            await poor.send("complete", id="1")
            await poor.ping()
        await until(lambda: not server.witness.feeds)

    async def test_broadcast_ends_when_its_last_member_has_no_budget(self) -> None:
        budget = budget_of(100)
        async with serving(budget=budget) as server, socket_from(server, HERE) as socket:
            await joined(socket)
            budget.charge(("address", HERE), 100)
            server.witness.tick()
            assert code_of(await socket.receive()) == "TOO_MANY_REQUESTS"
            assert server.witness.counts["executed"] == 0
            assert (len(server.live.broadcasts), server.witness.feeds) == (0, [])

    async def test_event_streams_are_charged_too(self) -> None:
        budget = budget_of(100)
        async with (
            serving(budget=budget) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
            http.stream(
                "POST",
                server.url,
                json={"query": TICKS},
                headers={"Accept": "text/event-stream", "X-Forwarded-For": HERE},
            ) as response,
        ):
            lines = response.aiter_lines()
            await until(lambda: bool(server.witness.feeds))
            await until(lambda: len(server.live.broadcasts) == 1)
            begun = spent(budget, HERE)
            server.witness.tick()
            await _data(lines)
            assert spent(budget, HERE) == begun + EVENT_COST
            budget.charge(("address", HERE), 100)
            server.witness.tick()
            (error,) = (await _data(lines))["errors"]
            assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
            assert error["path"] == ["ticks"]
            assert "event: complete" in [line async for line in lines]

    async def test_events_of_sources_that_cannot_be_resumed_are_charged_too(self) -> None:
        budget = budget_of(PLENTY)
        query = "subscription ($to: Int!) { count(to: $to) }"
        async with serving(budget=budget) as server, socket_from(server, HERE) as socket:
            costs: list[int] = []
            for count in (10, 10, 20):  # the first one also pays for parsing the text
                begun = spent(budget, HERE)
                await socket.subscribe("1", query, variables={"to": count})
                types = [(await socket.receive())["type"] for _ in range(count + 1)]
                assert types == [*["next"] * count, "complete"]
                costs.append(spent(budget, HERE) - begun)
            assert costs[2] - costs[1] == 10

    async def test_fresh_credentials_are_charged_and_limited_in_rate(self) -> None:
        budget = budget_of(PLENTY)
        limits = SocketLimits(operations_per_second=5)
        async with (
            serving(budget=budget, limits=limits) as server,
            socket_from(server, HERE, GOOD) as socket,
        ):
            begun = spent(budget, HERE), spent(budget, "ada", "viewer")
            await socket.ping(**GOOD)
            of_address, of_viewer = spent(budget, HERE), spent(budget, "ada", "viewer")
            assert (of_address - begun[0], of_viewer - begun[1]) == (charge_bytes(None, 99) + 1, 1)
            for _ in range(1_000):
                await socket.send("ping", payload=GOOD)
            assert (await socket.closed())[0] == 1013
            assert server.witness.counts["viewers"] < 500


async def _data(lines: Any) -> dict[str, Any]:
    async for line in lines:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("The stream has ended.")
