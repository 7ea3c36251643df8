"""Measures the response times of honest clients while one address attacks the server.

    .venv/bin/python -m bench.neighbours [--attacks searches,resumes] [--seconds 10]

The server has 120,000 items; the honest clients and the attacker run in other processes. A reader
requests items, pages, users with their items and counts, one after another, first alone and then
beside each attack of `bench.attacks`. So do a client that updates, one that signs in, and one that
resumes a subscription from the last change. For each it prints the median and the 99th percentile
in milliseconds, and for the reader the ratio of the latter to that without an attack. Attackers
run at a lower priority, since they would be on other machines.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
from websockets.exceptions import WebSocketException

from bench.attacks import ATTACKS, Target, connected, find_target, initialise, subscribe
from bench.paired import OPERATIONS, serving
from bench.soak_load import ACCOUNT, SIGN_IN, UPDATE, Connection
from db.seed import seed
from weft.embedded import embedded_servers
from weft.postgres.migration import upgrade

ITEMS, USERS, CHANGES = 120_000, 1_000, 20_000
HONEST = "198.51.100.7"
PAUSE_SECONDS = 0.01
"""The pause between two requests of the reader; an updating client pauses ten times as long."""
RARE_SECONDS = 0.5
"""The pause between two sign-ins or resumes."""
NICE = 10
WARM_UP_SECONDS = 3


class Served(NamedTuple):
    """The response times and failures of one kind of client."""

    seconds: list[float]
    """Of each request; for a request in flight at the end, how long it had waited."""
    failed: list[str]

    @property
    def p99_ms(self) -> float:
        return 1e3 * statistics.quantiles(self.seconds * 2, n=100, method="inclusive")[98]

    def __str__(self) -> str:
        failed = f" ({len(self.failed)} failed)" if self.failed else ""
        return f"{1e3 * statistics.median(self.seconds):6.1f} {self.p99_ms:7.1f}{failed}"


class Honest:
    """Clients that send the requests of a typical page of a product."""

    def __init__(self, target: Target, last_cursor: str) -> None:
        self._target = target
        self._last_cursor = last_cursor
        self._reads = [OPERATIONS[name] for name in ("item", "page", "nested", "counts")]

    async def measure(self, seconds: float) -> dict[str, Served]:
        """Runs all clients for `seconds`; returns the times by kind of client."""
        kinds = {
            "read": (self._read, PAUSE_SECONDS),
            "update": (self._update, 10 * PAUSE_SECONDS),
            "sign in": (self._sign_in, RARE_SECONDS),
            "resume": (self._resume, RARE_SECONDS),
        }
        served = {name: Served([], []) for name in kinds}

        async def keep_on(name: str, work: Callable[[], Awaitable[None]], pause: float) -> None:
            while True:
                begun = time.perf_counter()
                try:
                    await work()
                except (AssertionError, KeyError, TypeError, OSError, WebSocketException) as error:
                    served[name].failed.append(repr(error))
                finally:
                    served[name].seconds.append(time.perf_counter() - begun)
                await asyncio.sleep(pause)

        self._reader, self._writer = (Connection(self._target.url, HONEST) for _ in range(2))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for name, (work, pause) in kinds.items():
                    tasks.create_task(keep_on(name, work, pause))
        return served

    async def _read(self) -> None:
        text = random.choice(self._reads)
        variables = {"id": random.choice(self._target.items)} if "$id" in text else {}
        answer = await self._reader.ask(text, variables)
        assert "errors" not in answer, answer

    async def _update(self) -> None:
        changed = {"id": random.choice(self._target.items), "title": f"Title {random.random()}"}
        answer = await self._writer.ask(UPDATE, {"in": changed}, self._target.token)
        assert "errors" not in answer, answer

    async def _sign_in(self) -> None:
        connection = Connection(self._target.url, f"198.51.100.{random.randrange(20, 200)}")
        email, password = ACCOUNT
        answer = await connection.ask(SIGN_IN, {"in": {"email": email, "password": password}})
        assert "errors" not in answer, answer
        await connection.leave()

    async def _resume(self) -> None:
        query = f'subscription {{ itemChanged(after: "{self._last_cursor}") {{ cursor }} }}'
        async with connected(self._target.url, HONEST) as socket:
            await initialise(socket)
            await subscribe(socket, query)
            event = json.loads(await socket.recv())["payload"]["data"]["itemChanged"]
            self._last_cursor = event["cursor"]


async def prepare(url: str, dsn: str) -> tuple[Target, str]:
    """Returns a target and the cursor of the last change, with CHANGES between the two cursors."""
    target = await find_target(url)
    database = await asyncpg.connect(dsn)
    await database.execute("UPDATE items SET title = title || '.' WHERE id <= $1", CHANGES)
    await database.close()
    last = await find_target(url)
    return target, last.cursor


def attack(name: str, target: Target) -> None:
    """Runs an attack in its own process, at a lower priority."""
    os.nice(NICE)
    asyncio.run(ATTACKS[name](target))


async def compare(url: str, dsn: str, names: list[str], seconds: float) -> None:
    """Prints a line without an attack, and one for each attack."""
    target, last_cursor = await prepare(url, dsn)
    honest = Honest(target, last_cursor)
    await honest.measure(WARM_UP_SECONDS)
    alone = await honest.measure(seconds)
    _tell("alone", alone, alone)
    for name in names:
        process = multiprocessing.get_context("spawn").Process(target=attack, args=(name, target))
        process.start()
        await asyncio.sleep(2)  # for it to load and connect
        _tell(name, await honest.measure(seconds), alone)
        process.kill()
        process.join()
        await asyncio.sleep(1)


def _tell(name: str, found: dict[str, Served], alone: dict[str, Served]) -> None:
    times = "  ".join(f"{kind} {found[kind]}" for kind in found)
    ratio = found["read"].p99_ms / alone["read"].p99_ms
    print(f"{name:>10}  {times}  read p99 x {ratio:.1f}", flush=True)
    for kind, served in found.items():
        for error in sorted(set(served.failed))[:2]:
            print(f"{kind:>20}: {error[:150]}", flush=True)


def main() -> None:
    """Measures against temporary servers of PostgreSQL and Redis."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--attacks", default=",".join(ATTACKS))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parent.parent)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, embedded_servers(Path(directory)) as servers:
        upgrade(servers.database_url)
        dsn = servers.database_url.replace("+asyncpg", "", 1)
        asyncio.run(seed(dsn, users=USERS, items=ITEMS, seed=7, accounts=True))
        environment = os.environ | {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "LOG_LEVEL": "error",
            "TRUSTED_PROXIES": "127.0.0.1",
            "SIGN_INS_AT_ACCOUNT": "100000",
        }
        with serving(asked.checkout.resolve(), environment) as server:
            asyncio.run(compare(server.url, dsn, asked.attacks.split(","), asked.seconds))


if __name__ == "__main__":
    main()
