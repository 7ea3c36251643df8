"""Three servers with their own PostgreSQL and Redis, and the faults that can happen to them."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

import httpx
import redis.asyncio

from tests.database import Database
from tests.forwarder import Forwarder, forwarding, postgresql_socket, redis_socket, through
from tests.leaks import server_log
from tests.processes import WEFT
from tests.programs import redis_program
from tests.waiting import PATIENCE_SECONDS, until
from weft.auth.tokens import AccessTokens
from weft.embedded.account import hand_over, server_account
from weft.embedded.binaries import postgresql_binaries
from weft.embedded.postgresql import DATABASE, SUPERUSER, postgresql_server
from weft.embedded.process import EmbeddedProcess, start, stop
from weft.embedded.redis import SOCKET_NAME, redis_server
from weft.embedded.sockets import socket_directory
from weft.postgres.migration import upgrade

SECRET = "a secret of the fault tests, long enough"
SERVERS = 3
SILENT_SECONDS = 8
LEADER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND application_name LIKE 'weft changes %'
  AND classid = 'pg_class'::regclass::oid AND objid = 'changes'::regclass::oid AND granted
"""


class WebServer:
    """`weft serve` on a port that stays the same after a restart."""

    def __init__(self, environment: dict[str, str], log: IO[bytes]) -> None:
        self._log = log
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/graphql"
        self._environment = environment
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(str(WEFT), "serve", "--port", str(self.port)),
            env=os.environ | self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=self._log,
        )

    async def end(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
            await self.process.wait()


class Networks(NamedTuple):
    """The forwarders between the servers and their stores; tests and psql connect directly."""

    database: Forwarder
    redis: Forwarder


class Site:
    """The servers and stores of one run. Each method `fault_*` breaks one part and repairs it."""

    def __init__(
        self,
        database: EmbeddedProcess,
        redis: EmbeddedProcess,
        url: str,
        redis_url: str,
        log: IO[bytes],
        networks: Networks,
        servers: int,
    ) -> None:
        self.database = Database(url)
        self._networks = networks
        self._database_server = database
        self._redis = redis
        self._redis_url = redis_url
        environment = {
            "ENVIRONMENT": "test",
            "SECRET": SECRET,
            "DATABASE_URL": through(networks.database, url),
            "REDIS_URL": f"redis://127.0.0.1:{networks.redis.port}",
            "SOCKETS_PER_VIEWER": "1000",
            "LOG_LEVEL": "error",
        }
        self.servers = [WebServer(environment, log) for _ in range(servers)]
        self.sockets_to_cut: list[Callable[[], None]] = []

    async def ready(self) -> None:
        """Waits until all servers are ready and one of them is the leader."""
        async with (
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            for server in self.servers:
                url = server.url.replace("/graphql", "/health/ready")
                while True:
                    with suppress(httpx.HTTPError):
                        if (await http.get(url)).is_success:
                            break
                    await asyncio.sleep(0.05)
            while await self.leader() is None:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)

    async def user(self, name: str, *, admin: bool = False) -> tuple[int, str]:
        """Creates a user; returns the key and an access token."""
        now = datetime.now(UTC)
        [user] = await self.database.run(
            "INSERT INTO users (name, email, role) VALUES ($1, $1 || '@example.com', $2) "
            "RETURNING id",
            name,
            "ADMIN" if admin else "MEMBER",
        )
        [session] = await self.database.run(
            "INSERT INTO sessions (user_id, opened_at, expires_at) VALUES ($1, $2, $3) "
            "RETURNING id",
            user["id"],
            now,
            now + timedelta(days=1),
        )
        return user["id"], token(user["id"], session["id"])

    async def fault_server_killed(self) -> None:
        await self._kill(random.choice(self.servers))

    async def leader(self) -> WebServer | None:
        """Returns the server that is the leader; None while there is none."""
        [leader] = await self.database.run(LEADER) or [None]
        if leader is not None:
            pid = int(leader["application_name"].split()[-1])
            for server in self.servers:
                if server.process is not None and server.process.pid == pid:
                    return server
        return None

    async def fault_leader_killed(self) -> None:
        leader = await self.leader()
        if leader is not None:
            await self._kill(leader)

    async def fault_server_stopped(self) -> None:
        server = random.choice(self.servers)
        await server.end(signal.SIGTERM)
        await server.start()

    async def fault_redis_killed(self) -> None:
        async with self.without_redis():
            await asyncio.sleep(1)

    @asynccontextmanager
    async def without_redis(self) -> AsyncGenerator[None]:
        """Kills Redis; starts it again at the end of the block."""
        pid = self._redis.pid(self._redis.directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        try:
            yield
        finally:
            await asyncio.to_thread(start, [self._redis])

    @asynccontextmanager
    async def without_database(self) -> AsyncGenerator[Path]:
        """Stops PostgreSQL and gives its data directory; starts it again after the block."""
        await asyncio.to_thread(stop, [self._database_server])
        try:
            yield self._database_server.directory / "data"
        finally:
            await asyncio.to_thread(start, [self._database_server])

    async def fault_redis_paused(self) -> None:
        pid = self._redis.pid(self._redis.directory)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(1.5)
        os.kill(pid, signal.SIGCONT)

    async def fault_redis_flushed(self) -> None:
        async with redis.asyncio.from_url(self._redis_url) as client:
            await client.flushall()

    async def fault_database_restarted(self) -> None:
        await asyncio.to_thread(stop, [self._database_server])
        await asyncio.to_thread(start, [self._database_server])

    async def fault_database_killed(self) -> None:
        server = self._database_server
        pid = server.pid(server.directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not server.is_alive())  # its backends end by themselves
        await asyncio.to_thread(start, [server])

    async def fault_database_silent(self) -> None:
        """Silences PostgreSQL for longer than its timeouts; old connections may stay silent."""
        self._networks.database.silence()
        await asyncio.sleep(SILENT_SECONDS)
        await self._networks.database.mend(keep=random.random() < 0.5)

    async def fault_redis_silent(self) -> None:
        self._networks.redis.silence()
        await asyncio.sleep(SILENT_SECONDS)
        await self._networks.redis.mend(keep=random.random() < 0.5)

    async def fault_sockets_cut(self) -> None:
        for cut in self.sockets_to_cut:
            cut()

    async def _kill(self, server: WebServer) -> None:
        await server.end(signal.SIGKILL)
        await server.start()


FAULTS: list[Callable[[Site], Awaitable[None]]] = [
    Site.fault_server_killed,
    Site.fault_redis_killed,
    Site.fault_leader_killed,
    Site.fault_sockets_cut,
    Site.fault_database_restarted,
    Site.fault_redis_paused,
    Site.fault_database_killed,
    Site.fault_server_stopped,
    Site.fault_redis_flushed,
    Site.fault_database_silent,
    Site.fault_sockets_cut,
    Site.fault_redis_silent,
]
"""Each group of three, the faults of one piece, cuts off subscribers."""


def token(user_id: int, session_id: int, seconds: float = 3600) -> str:
    tokens = AccessTokens(key_id="1", secret=SECRET, lifetime=timedelta(seconds=seconds))
    return tokens.issue(str(user_id), session_id, datetime.now(UTC))[0]


@asynccontextmanager
async def running_site(directory: Path, servers: int = SERVERS) -> AsyncGenerator[Site]:
    account = server_account()
    binaries = postgresql_binaries()
    if account is not None:
        hand_over(account, binaries=binaries, directory=directory)
    sockets = socket_directory(directory, account)
    database = postgresql_server(binaries, directory / "postgresql", sockets, account, durable=True)
    cache = redis_server(redis_program(), directory / "redis", sockets, account)
    try:
        await asyncio.to_thread(start, [database, cache])
        url = f"postgresql://{SUPERUSER}@/{DATABASE}?host={sockets}"
        await asyncio.to_thread(upgrade, url)
        with server_log() as log:
            redis_url = f"unix://{sockets / SOCKET_NAME}"
            async with (
                forwarding(postgresql_socket(url)) as to_database,
                forwarding(redis_socket(redis_url)) as to_redis,
            ):
                networks = Networks(to_database, to_redis)
                site = Site(database, cache, url, redis_url, log, networks, servers)
                try:
                    await asyncio.gather(*(server.start() for server in site.servers))
                    yield site
                finally:
                    await asyncio.gather(*(server.end(signal.SIGKILL) for server in site.servers))
    finally:
        await asyncio.to_thread(stop, [cache, database])
