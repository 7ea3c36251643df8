"""Sockets to PostgreSQL and Redis: how soon the kernel closes one whose peer is gone."""

import socket
from typing import Any

IDLE_SECONDS = 10
INTERVAL_SECONDS = 5
PROBES = 3
UNACKNOWLEDGED_MS = 15_000
"""How long sent data may go without an acknowledgement, on Linux."""


def tcp_options() -> dict[int, int]:
    """Returns options of level IPPROTO_TCP and their values, as far as this platform has them."""
    wished = {
        "TCP_KEEPIDLE": IDLE_SECONDS,
        "TCP_KEEPINTVL": INTERVAL_SECONDS,
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": UNACKNOWLEDGED_MS,
    }
    if not hasattr(socket, "TCP_KEEPIDLE"):
        wished["TCP_KEEPALIVE"] = IDLE_SECONDS  # its name on macOS
    found = {getattr(socket, name, None): value for name, value in wished.items()}
    return {option: value for option, value in found.items() if option is not None}


def keep_alive(connected: Any) -> None:
    """Sets these options and SO_KEEPALIVE on a connected socket; does nothing to a Unix socket."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in tcp_options().items():
        connected.setsockopt(socket.IPPROTO_TCP, option, value)


def redis_options(url: str) -> dict[str, Any]:
    """Returns the same options as arguments of redis-py's `from_url`."""
    if url.startswith("unix:"):
        return {}
    return {"socket_keepalive": True, "socket_keepalive_options": tcp_options()}
