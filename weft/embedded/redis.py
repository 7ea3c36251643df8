"""The embedded Redis: a cache and a messenger; everything in it can be computed again."""

import pwd
import signal
from functools import partial
from pathlib import Path

from weft.embedded.process import EmbeddedProcess

SOCKET_NAME = "redis.sock"
MAX_MEMORY = "256mb"


def redis_server(
    binary: Path, directory: Path, sockets: Path, account: pwd.struct_passwd | None
) -> EmbeddedProcess:
    """Returns the Redis with its log and pid file in `directory`; nothing else of it is on disk."""
    return EmbeddedProcess(
        name="Redis",
        directory=directory,
        socket=sockets / SOCKET_NAME,
        account=account,
        launch=partial(_launch, binary),
        pid=_pid,
        pid_if_ready=_pid,  # Redis writes the file when it listens
        stop_signals=(signal.SIGTERM, signal.SIGKILL),
    )


def _launch(binary: Path, server: EmbeddedProcess) -> None:
    _pid_file(server.directory).unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(server.socket),
        "unixsocketperm": "700",
        "dir": str(server.directory),
        "pidfile": str(_pid_file(server.directory)),
        "logfile": str(server.log),
        "daemonize": "yes",
        "save": "",
        "appendonly": "no",
        "maxmemory": MAX_MEMORY,
        "maxmemory-policy": "allkeys-lru",
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    server.run([binary, *arguments])


def _pid_file(directory: Path) -> Path:
    return directory / "redis.pid"


def _pid(directory: Path) -> int | None:
    try:
        return int(_pid_file(directory).read_text())
    except (FileNotFoundError, ValueError):
        return None
