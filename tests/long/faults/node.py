"""Subscribers on the graphql-ws client of npm."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.long.faults.subscribers import QUERY, position_of
from tests.real.clients.node import told_by

SCRIPT = Path(__file__).with_name("subscribers.mjs")


class NodeSubscribers:
    """The positions that each subscriber has received, in the order of arrival."""

    def __init__(self, count: int) -> None:
        self.heard: list[list[int]] = [[] for _ in range(count)]
        self.errors: list[str] = []

    async def read(self, output: asyncio.StreamReader) -> None:
        while line := (await output.readline()).decode():
            number, _, told = line.strip().partition(" ")
            if told.startswith("ERROR"):
                self.errors.append(line)
            else:
                self.heard[int(number)].append(position_of(told))


@asynccontextmanager
async def node_subscribers(
    packages: Path, urls: Sequence[str], count: int, after: str
) -> AsyncGenerator[NodeSubscribers]:
    """Runs `count` subscribers that resume after the cursor, spread over the servers."""
    subscribers = NodeSubscribers(count)
    options = {"urls": list(urls), "count": count, "after": after, "query": QUERY}
    async with asyncio.TaskGroup() as tasks, told_by(SCRIPT, packages, **options) as output:
        tasks.create_task(subscribers.read(output))
        yield subscribers
