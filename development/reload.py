"""Serves a checkout, and replaces the server process when a Python file of it changes.

Importing the libraries takes most of a start. A fork server imports them once; each server process
begins as a fork of it and imports the modules of the checkout only. The listening socket, and the
servers that the process uses, stay open between processes: connections made meanwhile wait.
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
"""Between two looks at the files; a look takes some milliseconds."""
END_SECONDS = 2
"""A server process that takes longer to end is killed."""

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
"""Imported once, for all processes. One that is missing here is imported by each."""


def serve_reloading(listener: socket.socket, environment: dict[str, str]) -> None:
    """Serves on the socket until a signal ends it, each time with the files as they are then.

    `environment` is added to that of each server process. One that cannot start says why, and the
    next change starts another.
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
    """Of every Python file that may be part of the server, by its path in the checkout."""
    packages = (path.parent for path in CHECKOUT.glob("*/__init__.py"))
    files = list(CHECKOUT.glob("*.py"))
    for package in packages:
        if package.name not in UNWATCHED:
            files += package.rglob("*.py")
    times: dict[Path, int] = {}
    for path in files:
        try:
            times[path.relative_to(CHECKOUT)] = path.stat().st_mtime_ns
        except FileNotFoundError:  # renamed meanwhile, as editors do when they save
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
    # A compiled module is matched to its source by the second and the size of the file. Of a file
    # that is saved twice in one second, the first state would be used from then on.
    sys.dont_write_bytecode = sys.dont_write_bytecode or not compiles
    import serving

    serving.collect_garbage_less_often()
    serving.serve_on(listener, serving.read_settings(), workers=1)


def _end(server: ForkServerProcess) -> None:
    server.join(END_SECONDS)
    if server.is_alive():
        server.kill()
        server.join()
