"""Concurrent updates: each gets the response that it would get alone, and none is lost."""

import asyncio
import random
from typing import Any

import asyncpg
import httpx
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.processes import serving
from tests.waiting import PATIENCE_SECONDS, soon, until
from weft.declare.identity import encode_id, key_of
from weft.writing.joined import WRITES_PER_TRANSACTION, JoinedWrites

UPDATE = """mutation ($input: UpdateItemInput!) {
    updateItem(input: $input) {
        item { id title description status tags version } errors { code message } } }"""
ITEMS = 6


async def count(connection: asyncpg.Connection, what: str, *arguments: Any) -> int:
    """Returns a count; `what` is the statement after `SELECT count(`."""
    found: Any = await connection.fetchval(f"SELECT count({what}", *arguments)
    return found


TRANSACTIONS = "DISTINCT xid) FROM changes"
NONE_WRITES = """SELECT count(*) = 0 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'weft write'"""


def some_change(chance: random.Random, number: int) -> dict[str, Any]:
    change: dict[str, Any] = {"title": f"Title {number}"}
    if chance.random() < 0.3:
        change["description"] = chance.choice([None, f"Description {number}"])
    if chance.random() < 0.3:
        change["status"] = chance.choice(["DRAFT", "PUBLISHED", "ARCHIVED"])
    if chance.random() < 0.3:
        change["tags"] = [str(number), "{}"]
    return change


def check_history(
    first: dict[str, Any], written: list[tuple[dict[str, Any], dict[str, Any]]]
) -> dict[str, Any]:
    """Asserts that each write gives the item before it with its own change; returns the last."""
    item = first
    for change, given in sorted(written, key=lambda write: write[1]["version"]):
        item = item | change | {"version": item["version"] + 1}
        assert given == item
    return item


class TestUpdateItem:
    @pytest.mark.parametrize("seed", range(4))
    async def test_concurrent_updates_equal_updates_one_after_the_other(
        self, api: Api, seed: int
    ) -> None:
        chance = random.Random(seed)
        owners = [await api.user(), await api.user()]
        asking = [*owners, await api.user(admin=True), await api.user()]
        ids = [await api.item(chance.choice(owners), "First") for _ in range(ITEMS)]
        owner_of = {
            encode_id("Item", row["id"]): row["owner_id"]
            for row in await api.connection.fetch("SELECT id, owner_id FROM items")
        }
        await api.connection.execute("TRUNCATE changes")

        async def update(number: int) -> tuple[Member, dict[str, Any], dict[str, Any]]:
            by, id = chance.choice(asking), chance.choice([*ids, encode_id("Item", 99)])
            expected = chance.choice([None, None, 1, 2, 3])
            change = some_change(chance, number)
            input = {"id": id, "expectedVersion": expected, **change}
            return by, input, (await api.data(UPDATE, {"input": input}, by))["updateItem"]

        answers = await asyncio.gather(*(update(number) for number in range(80)))
        for id in ids:
            first = {"id": id, "title": "First", "description": None, "status": "PUBLISHED"}
            written: list[Any] = []
            for by, input, payload in answers:
                given, change = payload["item"], dict(input)
                expected = change.pop("expectedVersion")
                if input["id"] != id or given is None:
                    continue
                assert by is asking[2] or by.key == owner_of[id]
                assert expected in (None, given["version"] - 1)
                written.append((change, given))
            last = check_history(first | {"tags": [], "version": 1}, written)
            [row] = await api.connection.fetch(
                "SELECT title, description, status, tags, version FROM items WHERE id = $1",
                key_of("Item", id),
            )
            assert dict(row) | {"id": id} == last
        for by, input, payload in answers:
            self.check_refusal(by, input, payload, owner_of, asking[2])
        logged = await count(api.connection, "*) FROM changes")
        assert logged == sum(payload["item"] is not None for *_, payload in answers)
        # Some updates were joined; otherwise the test would prove nothing.
        assert await count(api.connection, TRANSACTIONS) < logged

    def check_refusal(
        self,
        by: Member,
        input: dict[str, Any],
        payload: dict[str, Any],
        owner_of: dict[str, int],
        admin: Member,
    ) -> None:
        if payload["item"] is not None:
            assert payload["errors"] == []
            return
        [error] = payload["errors"]
        owner = owner_of.get(input["id"])
        if owner is None:
            assert error["code"] == "NOT_FOUND"
        elif by is admin or by.key == owner:
            assert error["code"] == "CONFLICT"
            assert f"not {input['expectedVersion']}:" in error["message"]
        else:
            # A viewer who may not see a DRAFT gets NOT_FOUND.
            assert error["code"] in ("FORBIDDEN", "NOT_FOUND")

    async def test_64_concurrent_updates_take_few_transactions(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submitted: list[Any] = []
        submit = JoinedWrites[Any].submit

        def counted(*arguments: Any) -> Any:
            submitted.append(arguments)
            return submit(*arguments)

        monkeypatch.setattr(JoinedWrites, "submit", counted)
        owner = await api.user()
        ids = [await api.item(owner) for _ in range(64)]
        await api.connection.execute("TRUNCATE changes")
        async with api.connection.transaction():
            await api.connection.execute("LOCK TABLE items IN EXCLUSIVE MODE")
            asked = [
                asyncio.ensure_future(
                    api.data(UPDATE, {"input": {"id": id, "title": "New"}}, owner)
                )
                for id in ids
            ]
            await until(lambda: len(submitted) == 64)
            await until_asked(api, 2)
        payloads = await asyncio.gather(*asked)
        assert {payload["updateItem"]["item"]["version"] for payload in payloads} == {2}
        # The two transactions that wait for the lock, and those of all other updates.
        rest = -(-62 // WRITES_PER_TRANSACTION)
        assert 2 <= await count(api.connection, TRANSACTIONS) <= 2 + rest

    async def test_update_that_waits_for_a_locked_row_delays_no_other(self, api: Api) -> None:
        owner = await api.user()
        held, *others = [await api.item(owner) for _ in range(20)]

        async def update(id: str) -> Any:
            return (await api.data(UPDATE, {"input": {"id": id, "title": "New"}}, owner))[
                "updateItem"
            ]["item"]["version"]

        async with api.connection.transaction():
            await api.connection.execute(
                "UPDATE items SET version = 7 WHERE id = $1", key_of("Item", held)
            )
            waiting = asyncio.ensure_future(update(held))
            assert await asyncio.gather(*map(update, others)) == [2] * 19
            assert not waiting.done()
        assert await waiting == 8


async def until_asked(api: Api, waiters: int) -> None:
    """Waits until so many statements wait for a lock."""
    waiting = (
        "*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE NOT granted AND locktype = 'relation' AND datname = current_database()"
    )

    async def are_waiting() -> bool:
        return await count(api.connection, waiting) >= waiters

    await until(are_waiting)


class TestKilledServer:
    async def test_killed_server_has_written_what_it_acknowledged_and_nothing_by_halves(
        self, connection: asyncpg.Connection, settings: Settings
    ) -> None:
        api = Api(create_app(settings), settings, connection, Clock(), [])
        owner = await api.user()
        ids = [await api.item(owner) for _ in range(40)]
        await api.http.aclose()
        acknowledged: dict[str, list[int]] = {id: [] for id in ids}
        enough = asyncio.Event()

        async def keep_writing(http: httpx.AsyncClient, url: str, chance: random.Random) -> None:
            headers = {"authorization": f"Bearer {owner.token}"}
            while True:
                id = chance.choice(ids)
                body = {"query": UPDATE, "variables": {"input": {"id": id, "title": "New"}}}
                try:
                    response = await http.post(url, json=body, headers=headers)
                except httpx.TransportError:
                    return
                item = response.json()["data"]["updateItem"]["item"]
                acknowledged[id].append(item["version"])
                if sum(map(len, acknowledged.values())) > 200:
                    enough.set()

        async with serving(settings) as server, httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            writing = [
                asyncio.ensure_future(keep_writing(http, server.url, random.Random(number)))
                for number in range(24)
            ]
            await soon(enough.wait())
            server.process.kill()
            await asyncio.gather(*writing)
        await until(lambda: connection.fetchval(NONE_WRITES))
        for row in await connection.fetch("SELECT id, version FROM items"):
            versions = acknowledged[encode_id("Item", row["id"])]
            assert len(set(versions)) == len(versions)
            assert max(versions, default=1) <= row["version"]
            logged = "*) FROM changes WHERE entity = 'Item' AND key = $1"
            # The first change is the creation of the item.
            assert await count(connection, logged, row["id"]) == row["version"]
        written = await count(connection, "*) FROM changes WHERE kind = 'UPDATED'")
        assert await count(connection, f"{TRANSACTIONS} WHERE kind = 'UPDATED'") < written
