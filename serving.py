"""Serving by uvicorn: the socket, the workers, the signals; what is served comes from `app`."""

import gc
import ipaddress
import multiprocessing
import os
import resource
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from settings import Settings
from weft.server.connection_limit import ConnectionLimit, limit_of
from weft.server.factory import protocol_factory
from weft.server.shared import ConnectionLimits, Shared
from weft.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from starlette.types import ASGIApp

BACKLOG_CONNECTIONS = 2048
FILES = 65_536
OBJECTS_PER_COLLECTION_AT_START = 200_000
OBJECTS_PER_COLLECTION = 20_000
"""A collection stops the server for as long as it takes, which is in proportion to this."""

log = structlog.get_logger(__name__)


def read_settings() -> Settings:
    """The settings, read; logs are written from here on."""
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


def application() -> "ASGIApp":
    """The server as each worker makes it, out of the environment that the command has set.

    Fit to listen anywhere, under any ASGI server: secrets of development are refused.
    """
    return _application(on_loopback=False)


def application_on_loopback() -> "ASGIApp":
    """The same where only this machine can reach it; there the secrets of development will do."""
    return _application(on_loopback=True)


def _application(*, on_loopback: bool) -> "ASGIApp":
    collect_garbage_less_often()
    end_with_parent()
    from app import create_app

    settings = read_settings()
    try:
        server = create_app(settings, on_loopback=on_loopback, abandon=abandon)
    except ValueError as error:
        sys.exit(str(error))
    collect_garbage_in_small_parts()
    return server


def abandon() -> None:
    """Ends the process at once: asyncio would wait for ever for a task that does not end."""
    os._exit(1)


def shared_by_connections(settings: Settings) -> Shared:
    """What all connections of a process have in common; raises the limit of open files for them."""
    files = raise_file_limit()
    limit = limit_of(settings.connections, files)
    if limit < settings.connections:
        log.warning("connections_limited", limit=limit, files=files)
    limits = ConnectionLimits(
        keep_alive_seconds=settings.keep_alive_seconds,
        socket_message_bytes=settings.socket_message_limit_bytes,
    )
    per_address, proxies = settings.connections_per_address, settings.trusted_proxies
    return Shared(limits, connection_limit=ConnectionLimit(limit, per_address, proxies))


def raise_file_limit() -> int:
    """Lets the process open as many files as it may allow itself, and may need; connections are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
    return wished


def end_with_parent() -> None:
    """Stops this worker when the process that started it has gone, however that was ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_stop_after, args=(parent,), daemon=True).start()


def _stop_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def collect_garbage_less_often() -> None:
    """For loading modules, which makes many objects and no garbage: an eighth of the time of it."""
    gc.set_threshold(OBJECTS_PER_COLLECTION_AT_START)


def collect_garbage_in_small_parts() -> None:
    """For serving, when everything has been loaded."""
    gc.freeze()  # what is there now stays; a collection need not look through it again
    gc.set_threshold(OBJECTS_PER_COLLECTION)


@contextmanager
def listening(host: str, port: int, settings: Settings) -> Generator[socket.socket]:
    """A socket that listens already: connections made now are answered when the server is up.

    Ends the process with a line that says why if it cannot listen, or must not: with a secret of
    development it listens where only this machine can reach it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Bound is the very address that was judged: a name may mean another one a moment later.
        (*_, address), *_ = socket.getaddrinfo(
            host or None, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        settings.check_secrets(development=is_loopback(address[0]))
        listener = socket.create_server(address, family=family, backlog=BACKLOG_CONNECTIONS)
    except UnicodeError:
        sys.exit(f"Cannot listen on {host}: it is no host name.")
    except ValueError as error:
        sys.exit(
            f"Cannot listen on {host or 'every address'}, where other machines can reach it: "
            f"{error} Set ENVIRONMENT=production too, or listen on 127.0.0.1."
        )
    except OSError as error:
        sys.exit(f"Cannot listen on {host}, port {port}: {error.strerror}. Another one? --port")
    with listener:
        yield listener


def is_loopback(address: str | int) -> bool:
    """Whether only this machine can reach an IP address."""
    ip = ipaddress.ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def serve_on(listener: socket.socket, settings: Settings, *, workers: int) -> None:
    """Serves on the socket until a signal ends it; needs both URLs. Says where, in one line."""
    host, port = listener.getsockname()[:2]
    served = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # Workers are processes of their own and read their settings from the environment.
    os.environ |= {
        "DATABASE_URL": settings.database_url or "",
        "REDIS_URL": settings.redis_url or "",
        "PUBLIC_URL": settings.public_url if "public_url" in settings.model_fields_set else served,
    }
    config = uvicorn.Config(
        f"serving:{'application_on_loopback' if is_loopback(host) else 'application'}",
        factory=True,
        workers=workers,
        loop="uvloop",
        http=protocol_factory(shared_by_connections(settings)),
        ws="none",  # sockets are the protocol's own business, and so is what follows
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # TRUSTED_PROXIES
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        backlog=BACKLOG_CONNECTIONS,
    )
    if workers == 1:
        config.load()  # a server that cannot be made is not announced
    print(f"Weft serves {served}/graphql", flush=True)
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def leave_on_signals() -> None:
    """Makes the signals that end a process leave every context that is open on their way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    # Uvicorn stops serving first and then raises the signal again; what is open is closed by
    # leaving its context, and a second Ctrl-C must not leave the servers running.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
