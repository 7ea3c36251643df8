"""Identical subscriptions share a broadcast; different ones do not."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from tests.sockets import Socket, connecting
from tests.waiting import until
from tests.weft.transport.toy import Server

TICKS = "subscription ($after: String) { ticks(after: $after) { number } }"


async def joined(server: Server, stack: AsyncExitStack, **payload: Any) -> Socket:
    """A socket whose subscription has joined its broadcast."""
    socket = await stack.enter_async_context(connecting(server.socket_url))
    await socket.open(**payload.pop("credentials", {}))
    await socket.subscribe("1", payload.pop("query", TICKS), **payload)
    await socket.subscribe("probe", "{ hello }")
    assert [(await socket.receive())["id"] for _ in range(2)] == ["probe"] * 2
    return socket


class TestBroadcast:
    async def test_identical_subscriptions_are_executed_once(self, server: Server) -> None:
        async with AsyncExitStack() as stack:
            sockets = [
                await joined(server, stack, variables={"after": f"{number}"}) for number in range(5)
            ]
            assert len(server.live.broadcasts) == 1
            for number in (1, 2):
                server.witness.tick()
                for socket in sockets:
                    message = await socket.receive()
                    assert message["payload"] == {"data": {"ticks": {"number": number}}}
            assert server.witness.counts["executed"] == 2

    async def test_subscriptions_of_another_text_or_viewer_are_executed_apart(
        self, server: Server
    ) -> None:
        good = {"credentials": {"Authorization": "Bearer good"}}
        async with AsyncExitStack() as stack:
            sockets = [
                await joined(server, stack),
                await joined(server, stack, query=f"{TICKS} "),
                await joined(server, stack, variables={"unknown": 1}),
                await joined(server, stack, **good),
                await joined(server, stack, **good),
            ]
            assert len(server.live.broadcasts) == 3
            server.witness.tick()
            for socket in sockets:
                assert (await socket.receive())["type"] == "next"
            assert server.witness.counts["executed"] == 3

    async def test_sockets_need_no_task_each(self, server: Server) -> None:
        async with AsyncExitStack() as stack:
            first = await joined(server, stack)
            before = len(asyncio.all_tasks())
            for _ in range(3):
                await joined(server, stack)
            assert len(asyncio.all_tasks()) - before <= 3  # uvicorn's, one each
            await first.ping()

    async def test_feed_ends_with_the_last_socket(self, server: Server) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await joined(server, stack)
            assert len(server.witness.feeds) == 1
        await until(lambda: not server.witness.feeds)
        assert len(server.live.broadcasts) == 0

    async def test_new_subscription_never_joins_a_failed_broadcast(self, server: Server) -> None:
        async with AsyncExitStack() as stack:
            await joined(server, stack)
            [broken] = server.witness.feeds
            broken.is_broken = True

            late = await joined(server, stack)

            assert len(server.witness.feeds) == 2
            server.witness.feeds.remove(broken)
            server.witness.tick()
            assert (await late.receive())["type"] == "next"
