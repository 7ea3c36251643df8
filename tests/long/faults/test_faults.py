"""Subscribers miss no event and get none twice under any fault: `make faults` runs it alone."""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.long.faults.node import NodeSubscribers, node_subscribers
from tests.long.faults.site import FAULTS, SERVERS, Site
from tests.long.faults.subscribers import Subscriber, Viewpoint, position_of
from tests.long.pieces import PIECES, in_pieces
from tests.real.clients.node import installed_packages
from tests.waiting import PATIENCE_SECONDS
from weft.declare.identity import encode_id

COUNT = int(os.environ.get("WEFT_FAULTS", "60")) // PIECES
"""The faults of each piece; the next piece continues with the next kinds."""

SUBSCRIBERS = int(os.environ.get("WEFT_FAULT_SUBSCRIBERS", "300"))
BETWEEN_SECONDS = float(os.environ.get("WEFT_FAULT_SECONDS", "0.5"))
NODE_SUBSCRIBERS = max(5, SUBSCRIBERS // 10)
FORGETFUL = 8
ITEMS = 20
UPDATE = """mutation ($input: UpdateItemInput!) {
    updateItem(input: $input) { item { id } errors { code } }
}"""
LOG = "SELECT position, before, after FROM changes WHERE entity = 'Item' ORDER BY position"


class Writers:
    """Two writers, through GraphQL and through psql; they ignore failed writes."""

    def __init__(self, site: Site, owners: list[tuple[int, str]], items: list[int]) -> None:
        self._site = site
        self._owners = owners
        self._items = items
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(work) for work in (self._by_graphql(), self._by_psql())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _draft_or_not(self) -> tuple[str, str]:
        number = next(self._numbers)
        status = random.choice(["PUBLISHED", "PUBLISHED", "DRAFT"])
        return ("SECRET" if status == "DRAFT" else "Title") + f" {number}", status

    async def _by_graphql(self) -> None:
        async with httpx.AsyncClient(timeout=3) as http:
            while True:
                place = random.randrange(len(self._items))
                title, status = self._draft_or_not()
                input = {
                    "id": encode_id("Item", self._items[place]),
                    "title": title,
                    "status": status,
                }
                _, token = self._owners[place % len(self._owners)]
                with suppress(httpx.HTTPError):
                    await http.post(
                        random.choice(self._site.servers).url,
                        json={"query": UPDATE, "variables": {"input": input}},
                        headers={"authorization": f"Bearer {token}"},
                    )
                await asyncio.sleep(0.02)

    async def _by_psql(self) -> None:
        while True:
            title, status = self._draft_or_not()
            ids = random.sample(self._items, 2)
            await self._site.database.psql(
                f"UPDATE items SET title = '{title}', status = '{status}' "
                f"WHERE id IN ({ids[0]}, {ids[1]})"
            )
            await asyncio.sleep(0.05)


async def make_items(site: Site, owners: list[tuple[int, str]]) -> list[int]:
    owner_ids = [owner for owner, _ in owners]
    rows = await site.database.run(
        "INSERT INTO items (owner_id, title, status) "
        "SELECT ($1::bigint[])[1 + n % $2], 'Title', 'PUBLISHED' FROM generate_series(0, $3) n "
        "RETURNING id",
        owner_ids,
        len(owner_ids),
        ITEMS - 1,
    )
    return [row["id"] for row in rows]


async def first_cursor(site: Site, urls: list[str]) -> str:
    """Returns the cursor of a change that a subscriber received; later events are checked."""
    scout = Subscriber(urls, Viewpoint())
    task = asyncio.create_task(scout.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while scout.cursor is None:
            with suppress(OSError):
                await site.database.psql("UPDATE items SET title = 'Knock'")
            await asyncio.sleep(0.1)
    task.cancel()
    return scout.cursor


async def settled(site: Site, subscribers: list[Subscriber], node: NodeSubscribers | None) -> Any:
    """Returns the log once all subscribers have received its last change, or after the timeout."""
    await site.database.run("UPDATE items SET status = 'PUBLISHED', title = 'Title at last'")
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                log = await site.database.run(LOG)
                if log[-1]["position"] is not None and all(
                    subscriber.heard[-1:] == subscriber.viewpoint.expected(log)[-1:]
                    for subscriber in subscribers
                ):
                    last = Viewpoint().expected(log)[-1:]
                    if node is None or all(heard[-1:] == last for heard in node.heard):
                        break
                await asyncio.sleep(0.2)
    return await site.database.run(LOG)


def viewpoints(owners: list[tuple[int, str]], admin: tuple[int, str]) -> list[Viewpoint]:
    owner_id, token = owners[0]
    return [
        Viewpoint(),
        Viewpoint(user_id=owner_id, token=token),
        Viewpoint(owner_id=owner_id, owner=encode_id("User", owner_id)),
        Viewpoint(user_id=admin[0], is_admin=True, token=admin[1]),
    ]


@asynccontextmanager
async def listening(subscribers: list[Subscriber]) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for subscriber in subscribers:
                await subscriber.began.wait()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _node(
    packages: Path | None, urls: list[str], cursor: str
) -> AsyncGenerator[NodeSubscribers | None]:
    if packages is None:
        yield None
        return
    async with node_subscribers(packages, urls, NODE_SUBSCRIBERS, cursor) as node:
        yield node


async def break_things(site: Site, piece: int) -> None:
    first = piece * COUNT
    for fault in itertools.islice(itertools.cycle(FAULTS), first, first + COUNT):
        await asyncio.sleep(BETWEEN_SECONDS)
        await fault(site)
    await asyncio.sleep(BETWEEN_SECONDS)


@in_pieces
async def test_item_changed_loses_and_repeats_no_event(
    piece: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = await asyncio.to_thread(installed_packages)
    owners = [await site.user(f"owner{number}.{piece}") for number in range(3)]
    admin = await site.user(f"admin.{piece}", admin=True)
    items = await make_items(site, owners)
    urls = [server.url for server in site.servers]
    cursor = await first_cursor(site, urls)
    views = viewpoints(owners, admin)

    def subscribers(count: int, *, resume: bool) -> list[Subscriber]:
        return [
            Subscriber(
                urls[number % SERVERS :] + urls[: number % SERVERS],
                views[number % len(views)],
                cursor if resume else None,
                resume,
            )
            for number in range(count)
        ]

    resuming = subscribers(SUBSCRIBERS, resume=True)
    forgetful = subscribers(FORGETFUL, resume=False)
    site.sockets_to_cut = [subscriber.cut for subscriber in resuming[::2] + forgetful]
    async with listening([*resuming, *forgetful]), _node(packages, urls, cursor) as node:
        async with Writers(site, owners, items).writing():
            await break_things(site, piece)
        log = await settled(site, resuming, node)

    log = [row for row in log if row["position"] > position_of(cursor)]
    for subscriber in resuming:
        assert subscriber.errors == []
        assert subscriber.heard == subscriber.viewpoint.expected(log)
        if subscriber.viewpoint.token is None:
            assert not [title for title in subscriber.titles if "SECRET" in title]
    deliveries = sum(len(subscriber.heard) for subscriber in resuming)
    if node is not None:
        assert node.errors == []
        assert node.heard == [Viewpoint().expected(log)] * NODE_SUBSCRIBERS
        deliveries += sum(map(len, node.heard))
    returns = sum(subscriber.connections for subscriber in resuming)
    assert returns >= SUBSCRIBERS // SERVERS, "hardly anything was cut off"
    # Subscribers that reconnect without a cursor show that events could have been lost.
    lost = sum(
        len(set(subscriber.viewpoint.expected(log)) - set(subscriber.heard))
        for subscriber in forgetful
    )
    assert lost > 0
    with capsys.disabled():
        client = "with" if node else "WITHOUT (node or npm is missing)"
        print(  # noqa: T201
            f"\n{COUNT} faults, {returns} reconnections, {deliveries:,} deliveries, none lost or "
            f"repeated; {lost:,} lost without cursors; {client} the graphql-ws client"
        )
