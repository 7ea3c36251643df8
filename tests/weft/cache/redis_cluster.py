"""A Redis cluster of three servers, each of which a test can kill and restart."""

import asyncio
import random
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.crc import key_slot

from tests.programs import redis_program
from tests.waiting import until
from tests.weft.changes.site import answers

SLOTS = 16_384
BUS_OFFSET = 10_000
NODE_TIMEOUT_MS = 1_000


class Node:
    """One server of the cluster."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self.client = redis.asyncio.from_url(self.url, decode_responses=True)
        self.process: asyncio.subprocess.Process | None = None
        self._directory = directory

    async def start(self) -> None:
        self._directory.mkdir(exist_ok=True)
        self.process = await asyncio.create_subprocess_exec(
            *(redis_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
            *("--dir", str(self._directory), "--cluster-enabled", "yes"),
            *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
            *("--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"),
            # Otherwise a replica stops trying once a busy machine has delayed its election.
            *("--cluster-replica-validity-factor", "0"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        await until(lambda: answers(self.client))

    async def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
            self.process = None

    async def ask(self, *command: str | int) -> Any:
        return await self.client.execute_command(*command)


class Cluster:
    """The servers of a cluster, with their slots."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.replicas: list[Node] = []
        self.url = nodes[0].url

    async def form(self) -> None:
        share = SLOTS // len(self.nodes) + 1
        for place, node in enumerate(self.nodes):
            slots = range(place * share, min((place + 1) * share, SLOTS))
            await node.ask("CLUSTER ADDSLOTS", *slots)
            await node.ask("CLUSTER MEET", "127.0.0.1", self.nodes[0].port)
        await until(self.is_whole)

    async def is_whole(self) -> bool:
        for node in self.nodes:
            info = await node.ask("CLUSTER INFO")
            if info["cluster_state"] != "ok" or info["cluster_slots_ok"] != str(SLOTS):
                return False
            if info["cluster_known_nodes"] != str(len(self.nodes) + len(self.replicas)):
                return False
        return True

    async def replicate(self, master: Node, replica: Node) -> None:
        """Makes another server a replica of the master, which takes its place when it is gone."""
        self.replicas.append(replica)
        await replica.ask("CLUSTER MEET", "127.0.0.1", master.port)
        await until(self.is_whole)
        master_id = await master.ask("CLUSTER MYID")

        async def is_taken() -> bool:
            try:
                return bool(await replica.ask("CLUSTER REPLICATE", master_id))
            except redis.asyncio.RedisError:
                return False  # the replica does not know the master yet

        async def is_up() -> bool:
            return (await replica.client.info("replication"))["master_link_status"] == "up"

        await until(is_taken)
        await until(is_up)

    def node_of(self, key: str) -> Node:
        return self.nodes[key_slot(key.encode()) // (SLOTS // len(self.nodes) + 1)]

    async def move(self, slot: int, giver: Node, taker: Node) -> None:
        """Moves a slot to another server, without the keys that it held."""
        for key in await giver.ask("CLUSTER GETKEYSINSLOT", slot, 1000):
            await giver.ask("DEL", key)
        taker_id = await taker.ask("CLUSTER MYID")
        await taker.ask("CLUSTER SETSLOT", slot, "IMPORTING", await giver.ask("CLUSTER MYID"))
        await giver.ask("CLUSTER SETSLOT", slot, "MIGRATING", taker_id)
        for node in (taker, giver):
            await node.ask("CLUSTER SETSLOT", slot, "NODE", taker_id)

    async def keys(self, pattern: str) -> list[list[str]]:
        """Returns the keys of each server."""
        return [await node.ask("KEYS", pattern) for node in self.nodes]


def _free_port() -> int:
    """Returns a free port for which the port of the cluster's bus is free too."""
    while True:
        port = random.randrange(15_000, 31_000)
        try:
            for wanted in (port, port + BUS_OFFSET):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", wanted))
        except OSError:
            continue
        return port


@asynccontextmanager
async def redis_cluster(directory: Path, *, replicas: int = 0) -> AsyncGenerator[Cluster]:
    """Runs three servers that share all slots; the first `replicas` of them have a replica."""
    nodes = [Node(directory / str(number), _free_port()) for number in range(3 + replicas)]
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        cluster = Cluster(nodes[:3])
        await cluster.form()
        pairs = zip(nodes, nodes[3:], strict=False)
        await asyncio.gather(*(cluster.replicate(*pair) for pair in pairs))
        yield cluster
    finally:
        for node in nodes:
            await node.client.aclose()
            await node.kill()
