"""Clients with addresses and budgets, and their subscriptions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from tests.sockets import Socket, connecting
from tests.weft.transport.toy import Server
from weft.rates.budget import CostBudget
from weft.rates.windows import Windows

HERE = "203.0.113.7"
THERE = "203.0.113.8"
TICKS = "subscription ($after: String) { ticks(after: $after) { number } }"
EVENT_COST = 3
"""The cost of an event of TICKS: the field, the event, and its number."""
PLENTY = 1_000_000
GOOD = {"Authorization": "Bearer good"}


def budget_of(limit: int) -> CostBudget:
    return CostBudget(Windows(Redis.from_url("redis://127.0.0.1:1/0"), "nowhere"), limit)


@asynccontextmanager
async def socket_from(
    server: Server, address: str, credentials: dict[str, str] | None = None
) -> AsyncGenerator[Socket]:
    headers = {"X-Forwarded-For": address}
    async with connecting(server.socket_url, additional_headers=headers) as socket:
        await socket.open(**(credentials or {}))
        yield socket


async def joined(socket: Socket, id_: str = "1", query: str = TICKS, **payload: Any) -> None:
    """Begins a subscription, and returns when it has joined its broadcast."""
    await socket.subscribe(id_, query, **payload)
    await socket.subscribe("probe", "{ hello }")
    assert [(await socket.receive())["id"] for _ in range(2)] == ["probe"] * 2


def code_of(message: dict[str, Any]) -> str:
    assert message["type"] == "error", message
    return message["payload"][0]["extensions"]["code"]


def different(number: int) -> str:
    return f"subscription Different{number} {{ ticks {{ number }} }}"


def spent(budget: CostBudget, holder: str, kind: str = "address") -> int:
    return budget.spent((kind, holder))
