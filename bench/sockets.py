"""Measures the memory of an idle socket, with a subscription and on a bare server.

    .venv/bin/python -m bench.sockets http://127.0.0.1:8000/graphql --pid 1234 --count 1000

opens sockets with one subscription each, and reads the server's resident memory before and after.
With --bare it starts and measures a server that accepts sockets and does nothing else.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import sys

import psutil
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from weft.server.factory import protocol_factory
from weft.server.shared import Shared

QUERY = "subscription { itemChanged { kind id item { title } cursor } }"
AT_ONCE = 100


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts a socket and waits for its end."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def serve_bare(listener: socket.socket) -> None:
    """Serves `bare` on a socket until it is killed."""
    config = uvicorn.Config(
        bare,
        http=protocol_factory(Shared()),
        ws="none",
        loop="uvloop",
        lifespan="off",
        log_config=None,
    )
    uvicorn.Server(config).run(sockets=[listener])


async def subscribe(url: str) -> ClientConnection:
    """Opens a socket and sends the messages of one subscription; waits for no reply."""
    connection = await connect(
        url.replace("http", "ws", 1),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        proxy=None,
        ping_interval=None,
    )
    await connection.send('{"type":"connection_init"}')
    payload = {"query": QUERY}
    await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    return connection


async def measure(url: str, pid: int, count: int) -> float:
    """Returns the KiB of resident memory per socket, over `count` sockets."""
    process = psutil.Process(pid)
    connections = [await subscribe(url) for _ in range(AT_ONCE)]  # makes what is made once
    await asyncio.sleep(1)
    before = process.memory_info().rss
    for _ in range(count // AT_ONCE):
        connections += await asyncio.gather(*(subscribe(url) for _ in range(AT_ONCE)))
    await asyncio.sleep(2)
    grown = process.memory_info().rss - before
    for connection in connections:
        connection.transport.abort()
    return grown / count / 1024


def main() -> None:
    """Runs the command line, and prints KiB per socket."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--bare", action="store_true")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if not given.bare:
        print(f"{asyncio.run(measure(given.url, given.pid, given.count)):.1f} KiB a socket")
        return
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        pid = os.fork()
        if pid == 0:
            serve_bare(listener)
            sys.exit()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        kib = asyncio.run(measure(url, pid, given.count))
        os.kill(pid, 9)
    print(f"{kib:.1f} KiB a socket, of the protocol alone")


if __name__ == "__main__":
    main()
