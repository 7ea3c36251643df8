"""nginx and HAProxy as processes, configured for WebSockets as their manuals say.

Both keep one connection to the server and use it for all clients in turn, so a wrongly framed
request of one client certainly affects the next client.
"""

import asyncio
import grp
import os
import shutil
import signal
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.real.proxies.wire import connected, request
from tests.waiting import until

# Debian installs them in sbin, which is not in the PATH of every account.
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))

UPGRADE_ALWAYS = '"upgrade"'
UPGRADE_AS_ASKED = "$connection_upgrade"

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 4m;

    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}

    upstream weft {{
        server {server};
        keepalive 1;
        keepalive_timeout {idle_seconds}s;
    }}
    server {{
        listen {own};
        location / {{
            proxy_pass http://weft;
            proxy_http_version 1.1;
            proxy_request_buffering {buffering};
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection {connection};
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 256
    nbthread 1
defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend clients
    bind fd@{descriptor}
    default_backend weft
backend weft
    http-reuse always
    server weft {server} pool-max-conn 1
"""


@asynccontextmanager
async def nginx(
    directory: Path,
    server: str,
    *,
    connection: str = UPGRADE_ALWAYS,
    buffering: str = "on",
    idle_seconds: int = 60,
) -> AsyncGenerator[str]:
    """Runs an nginx in front of `server`; gives its address.

    - `connection`: the value that it sends as the header Connection.
    - `buffering`: `off` passes bodies on as they arrive, `on` when they are complete.
    - `idle_seconds`: how long it keeps its idle connection to the server.
    """
    program = _found("nginx")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        configuration = directory / "nginx.conf"
        configuration.write_text(
            NGINX.format(
                directory=directory,
                # If root runs the tests, other accounts cannot read the directory.
                user=f"user root {grp.getgrgid(0).gr_name};" if os.getuid() == 0 else "",
                server=server,
                own=_address(listener),
                connection=connection,
                buffering=buffering,
                idle_seconds=idle_seconds,
            )
        )
        log = directory / "error.log"
        command = [program, "-p", str(directory), "-c", str(configuration), "-e", str(log)]
        # The variable by which an nginx passes its sockets to its successor.
        inherits = {"NGINX": f"{listener.fileno()};"}
        async with _running(command, listener, log, inherits) as address:
            yield address


@asynccontextmanager
async def haproxy(directory: Path, server: str) -> AsyncGenerator[str]:
    """Runs a HAProxy in front of `server`; gives its address."""
    program = _found("haproxy")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        configuration = directory / "haproxy.cfg"
        configuration.write_text(HAPROXY.format(server=server, descriptor=listener.fileno()))
        command = [program, "-db", "-f", str(configuration)]
        async with _running(command, listener, directory / "error.log", {}) as address:
            yield address


def _found(program: str) -> str:
    found = shutil.which(program, path=PATH)
    if found is None:
        pytest.skip(f"{program.upper()} WAS NOT TRIED: it is not on this machine")
    return found


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"


@asynccontextmanager
async def _running(
    command: list[str], listener: socket.socket, log: Path, variables: Mapping[str, str]
) -> AsyncGenerator[str]:
    """Runs the program on the listening socket until the block ends; gives its address.

    The socket is bound before, so that no other program can take its port meanwhile.
    """
    address = _address(listener)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | variables,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        )
    listener.close()
    try:
        await until(lambda: _serves(process, address))
        if process.returncode is not None:
            said = await asyncio.to_thread(log.read_text)
            raise RuntimeError(f"The proxy ended before it served:\n{said}")
        yield address
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _serves(process: asyncio.subprocess.Process, address: str) -> bool:
    """Whether the proxy passes requests on, or has ended and never will."""
    if process.returncode is not None:
        return True
    try:
        async with connected(address) as wire:
            wire.send(request(method="GET", target="/health/live"))
            return (await wire.response("GET")).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
