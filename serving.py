"""Runs the application of `app` under uvicorn: listening socket, workers, signals."""

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
"""A collection pauses the server for a time in proportion to this number."""

log = structlog.get_logger(__name__)


def read_settings() -> Settings:
    """Reads the settings and configures logging by them."""
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


def application() -> "ASGIApp":
    """The application factory of each worker; reads settings from the environment set by `weft`.

    May listen on any address, under any ASGI server: development secrets are refused.
    """
    return _application(on_loopback=False)


def application_on_loopback() -> "ASGIApp":
    """The factory for a server on a loopback address, which accepts development secrets."""
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
    """Ends the process at once; asyncio would wait forever for a task that does not end."""
    os._exit(1)


def shared_by_connections(settings: Settings) -> Shared:
    """Returns the state shared by all connections of a process; raises the open-file limit."""
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
    """Raises the soft limit of open files to FILES, or to a lower hard limit; returns that number.

    Each connection takes one file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
    return wished


def end_with_parent() -> None:
    """Sends SIGTERM to this worker when its parent process ends, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_stop_after, args=(parent,), daemon=True).start()


def _stop_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def collect_garbage_less_often() -> None:
    """Raises the collection threshold while modules load, which makes many objects but no garbage.

    Collections would take an eighth of the loading time.
    """
    gc.set_threshold(OBJECTS_PER_COLLECTION_AT_START)


def collect_garbage_in_small_parts() -> None:
    """Sets the collection threshold for serving; call it once everything has been loaded."""
    gc.freeze()  # loaded modules stay: no collection needs to traverse them again
    gc.set_threshold(OBJECTS_PER_COLLECTION)


@contextmanager
def listening(host: str, port: int, settings: Settings) -> Generator[socket.socket]:
    """Gives a listening socket; connections made before the server is up wait in its backlog.

    Exits with a message if it cannot listen, or if the address is not loopback and a secret is the
    development secret.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Resolved once: the address that is checked is the one that is bound.
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
    """Serves on the socket until a signal ends it, and prints the URL. Both URLs must be set."""
    host, port = listener.getsockname()[:2]
    served = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # Workers are separate processes and read their settings from the environment.
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
        ws="none",  # our protocol handles WebSockets itself
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # `create_app` adds them by TRUSTED_PROXIES
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        backlog=BACKLOG_CONNECTIONS,
    )
    if workers == 1:
        config.load()  # fails before the URL is printed
    print(f"Weft serves {served}/graphql", flush=True)
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def leave_on_signals() -> None:
    """Makes SIGINT, SIGTERM and SIGHUP raise SystemExit, so that open contexts are closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    # Uvicorn stops serving first and then raises the signal again. The signal is ignored from here
    # on: a second Ctrl-C must not stop the contexts from closing, or embedded servers stay running.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
