"""Serves a checkout, and replaces the server process when a Python file of it changes.

Most of the start-up time is importing libraries. A fork server imports them once; each server
process is a fork of it and imports only the modules of the checkout. The listening socket,
PostgreSQL and Redis stay up between processes: connections made meanwhile wait.
"""

import multiprocessing
import os
import socket
import sys
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
UNWATCHED = {"tests", "bench"}
LOOK_SECONDS = 0.1
"""Between two checks of the files; a check takes some milliseconds."""
END_SECONDS = 2
"""A server process that has not ended after this is killed."""

LIBRARIES = [
    "aiosmtplib",
    "asyncpg",
    "cryptography.hazmat.primitives.ciphers.aead",
    "email_validator",
    "fastapi",
    "graphql",
    "httptools",
    "jwt",
    "limits.aio.strategies",
    "msgspec",
    "pwdlib.hashers.argon2",
    "pydantic_settings",
    "redis.asyncio.cluster",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "strawberry.extensions",
    "structlog",
    "typer",
    "uvicorn.middleware.proxy_headers",
    "uvicorn.supervisors",
    "uvloop",
    "websockets.server",
]
"""Imported once, by the fork server. A library missing here is imported by every process."""


def serve_reloading(listener: socket.socket, environment: dict[str, str]) -> None:
    """Serves on the socket until a signal ends it; restarts the server after each change.

    `environment` is added to that of each server process. A server that fails to start prints why;
    the next change starts another one.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    seen = _modification_times()
    server = _started(context, listener, environment, compiles=True)
    try:
        while True:
            time.sleep(LOOK_SECONDS)
            found = _modification_times()
            if found != seen:
                changed = sorted(path for path in found | seen if found.get(path) != seen.get(path))
                print(f"{', '.join(map(str, changed))} changed.", flush=True)
                seen, old = found, server
                old.terminate()
                server = _started(context, listener, environment, compiles=False)
                _end(old)
    finally:
        server.terminate()
        _end(server)


def _modification_times() -> dict[Path, int]:
    """Returns nanoseconds for every Python file of the server, by its path in the checkout."""
    packages = (path.parent for path in CHECKOUT.glob("*/__init__.py"))
    files = list(CHECKOUT.glob("*.py"))
    for package in packages:
        if package.name not in UNWATCHED:
            files += package.rglob("*.py")
    times: dict[Path, int] = {}
    for path in files:
        try:
            times[path.relative_to(CHECKOUT)] = path.stat().st_mtime_ns
        except FileNotFoundError:  # renamed meanwhile: editors do so on save
            continue
    return times


def _started(
    context: ForkServerContext,
    listener: socket.socket,
    environment: dict[str, str],
    *,
    compiles: bool,
) -> ForkServerProcess:
    server = context.Process(target=_serve, args=(listener, environment, compiles))
    server.start()
    return server


def _serve(listener: socket.socket, environment: dict[str, str], compiles: bool) -> None:
    os.environ.update(environment)
    # Python matches bytecode to its source by the file's size and its time in whole seconds. After
    # two saves within one second, the bytecode of the first would be used from then on.
    sys.dont_write_bytecode = sys.dont_write_bytecode or not compiles
    import serving

    serving.collect_garbage_less_often()
    serving.serve_on(listener, serving.read_settings(), workers=1)


def _end(server: ForkServerProcess) -> None:
    server.join(END_SECONDS)
    if server.is_alive():
        server.kill()
        server.join()
