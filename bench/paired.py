"""Compares the CPU of a request in this checkout with that in another one.

    python -m bench.paired OTHER [--connections 64] [--rounds 20] [--operations item,page]

Each checkout serves its own database and cache, filled with the same rows by its own code. Both use
the packages of this checkout, and get the same operations in turns. For each operation it prints
the ratio of this checkout to the other: the median of the rounds, and the 95 % confidence interval
of the mean (of the logarithms, by Student's t).

Each round starts new processes: two processes of the same code differ by some per cent for their
whole life. Beside each runs another process that gets no requests and is the leader. It runs the
same code: a server does not hear what the leader of another release publishes, and would have less
to do.
"""

import argparse
import asyncio
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from bench.soak_load import ACCOUNT, SIGN_IN, UPDATE, Connection
from weft.embedded import embedded_servers

WEFT = str(Path(sys.executable).parent / "weft")
CRAWL = (
    "{ items(first: 100) { edges { cursor node { id } } } users(first: 100) { edges { cursor } } }"
)
OPERATIONS = {
    "item": "query ($id: ID!) { item(id: $id) { id title } }",
    "page": """query ($item: String) { items(first: 50, after: $item) {
        edges { node { id title owner { id name } } } pageInfo { hasNextPage endCursor } } }""",
    "nested": """query ($user: String) { users(first: 20, after: $user) {
        edges { node { id name items(first: 10) { edges { node { id title } } } } } } }""",
    "counts": """query ($user: String) { users(first: 20, after: $user) {
        edges { node { id name itemCount } } } }""",
    "update": UPDATE,
}
FILL = """
import asyncio, os
try:
    from weft.postgres.migration import upgrade
except ImportError:  # where it stood before 0.3
    from db.migration import upgrade
from db.seed import seed
dsn = os.environ["DATABASE_URL"]
upgrade(dsn)
asyncio.run(seed(dsn.replace("+asyncpg", "", 1), users=1_000, items=20_000, seed=7, accounts=True))
"""
WARM_SECONDS = 0.5
STUDENT_95 = {5: 2.571, 10: 2.228, 20: 2.086, 30: 2.042, 40: 2.021}
"""Quantiles by degrees of freedom; in between, the next lower number of degrees is used."""


class Server:
    """A running `weft serve`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = psutil.Process(process.pid)
        self.url = url

    @property
    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


@contextmanager
def stored(checkout: Path) -> Generator[dict[str, str]]:
    """Starts and fills PostgreSQL and Redis for a checkout; gives the environment of its server."""
    with tempfile.TemporaryDirectory() as directory, embedded_servers(Path(directory)) as servers:
        environment = os.environ | {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "LOG_LEVEL": "warning",
            "COST_PER_MINUTE": "1000000000",
            "PYTHONPATH": str(checkout),
        }
        subprocess.run([sys.executable, "-c", FILL], env=environment, cwd=checkout, check=True)
        yield environment


@contextmanager
def serving(checkout: Path, environment: dict[str, str]) -> Generator[Server]:
    """Starts the server of a checkout on a free port; gives it once it answers."""
    with subprocess.Popen(
        [WEFT, "serve", "--port", "0"],
        env=environment,
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+/graphql", process.stdout.readline())
            assert found is not None
            urlopen(found[0].replace("/graphql", "/health/live")).close()
            yield Server(process, found[0])
        finally:
            process.terminate()


class Load:
    """Sends one operation after another on each of many connections."""

    def __init__(self, connections: int) -> None:
        self._count = connections

    async def prepare(self, url: str) -> None:
        """Signs in, and fetches the IDs and cursors to use as variables."""
        connection = Connection(url)
        email, password = ACCOUNT
        signed_in = await connection.ask(SIGN_IN, {"in": {"email": email, "password": password}})
        self._token = signed_in["data"]["signIn"]["session"]["accessToken"]
        found = (await connection.ask(CRAWL, {}))["data"]
        self._values = {
            "id": [edge["node"]["id"] for edge in found["items"]["edges"]],
            "item": [edge["cursor"] for edge in found["items"]["edges"]],
            "user": [edge["cursor"] for edge in found["users"]["edges"]],
        }
        await connection.leave()

    async def ask(self, server: Server, operation: str, seconds: float) -> float:
        """Sends requests for `seconds`; returns the server's CPU seconds per request."""
        connections = [Connection(server.url) for _ in range(self._count)]
        loop = asyncio.get_running_loop()
        counts = [0] * self._count

        async def work(number: int, until: float) -> None:
            while loop.time() < until:
                answer = await connections[number].ask(*self._any(operation))
                assert "errors" not in answer, answer
                counts[number] += 1

        await asyncio.gather(
            *(work(number, loop.time() + WARM_SECONDS) for number in range(self._count))
        )
        counts = [0] * self._count
        before = server.cpu_seconds
        await asyncio.gather(
            *(work(number, loop.time() + seconds) for number in range(self._count))
        )
        spent = server.cpu_seconds - before
        for connection in connections:
            await connection.leave()
        return spent / sum(counts)

    def _any(self, operation: str) -> tuple[str, dict[str, Any], str | None]:
        text = OPERATIONS[operation]
        if operation == "update":
            change = {"id": random.choice(self._values["id"]), "title": f"Title {random.random()}"}
            return text, {"in": change}, self._token
        used = [name for name in self._values if f"${name}:" in text]
        return text, {name: random.choice(self._values[name]) for name in used}, None


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Returns the 95 % confidence interval of the mean of the ratios."""
    logs = [math.log(ratio) for ratio in ratios]
    freedom = max(known for known in STUDENT_95 if known <= max(len(logs) - 1, 5))
    half = STUDENT_95[freedom] * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(statistics.mean(logs) - half), math.exp(statistics.mean(logs) + half)


Spent = dict[str, tuple[list[float], list[float]]]
"""For each operation, the CPU seconds per request in both checkouts, by round."""


async def run_round(
    ours: Server, other: Server, asked: argparse.Namespace, spent: Spent, *, other_first: bool
) -> None:
    """Measures each operation in two processes that have just started, and adds to `spent`."""
    loads = {server: Load(asked.connections) for server in (ours, other)}
    for server, load in loads.items():
        await load.prepare(server.url)
    for name, (own, others) in spent.items():
        turns = [(ours, own), (other, others)]
        for server, kept in turns[::-1] if other_first else turns:
            kept.append(await loads[server].ask(server, name, asked.seconds))


def tell(spent: Spent) -> None:
    """Prints a line for each operation."""
    for name, (own, others) in spent.items():
        ratios = [mine / theirs for mine, theirs in zip(own, others, strict=True)]
        low, high = interval(ratios)
        print(
            f"{name:>8} {statistics.median(own) * 1e6:7.1f} us, other "
            f"{statistics.median(others) * 1e6:7.1f} us; ratio {statistics.median(ratios):.3f} "
            f"({low:.3f} to {high:.3f})",
            flush=True,
        )


def main() -> None:
    """Measures against temporary servers of PostgreSQL and Redis."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("other", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--operations", default=",".join(OPERATIONS))
    asked = parser.parse_args()
    here, there = Path(__file__).parent.parent, asked.other.resolve()
    spent: Spent = {name: ([], []) for name in asked.operations.split(",")}
    with (
        stored(here) as own,
        stored(there) as others,
        serving(here, own),
        serving(there, others),
    ):
        for number in range(asked.rounds):
            with serving(here, own) as ours, serving(there, others) as other:
                first = bool(number % 2)
                asyncio.run(run_round(ours, other, asked, spent, other_first=first))
    tell(spent)


if __name__ == "__main__":
    main()
