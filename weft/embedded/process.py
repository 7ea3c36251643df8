"""A server as a process: whether it is alive, and how it is started and stopped."""

import fcntl
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.embedded.account import make_private
from weft.embedded.errors import EmbeddedError

START_SECONDS = 60
STOP_SECONDS = 20
POLL_SECONDS = 0.005
LOG_LINES = 20


@dataclass(frozen=True)
class EmbeddedProcess:
    """One server and its files; it runs on its own, not as a child of this process."""

    name: str
    directory: Path
    socket: Path
    account: pwd.struct_passwd | None
    launch: Callable[["EmbeddedProcess"], None]
    """Starts the daemon and returns without waiting for it; runs programs by `Server.run` only."""

    pid_if_ready: Callable[[Path], int | None]
    """Returns the daemon's pid once its pid file shows that it serves; else None. Takes the
    directory."""

    pid: Callable[[Path], int | None]
    """Returns the daemon's pid as soon as it is known, else None. Takes the directory."""

    stop_signals: Sequence[signal.Signals]
    """Sent in order, each given STOP_SECONDS; the last must be one that always ends the server."""

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def is_alive(self) -> bool:
        """Whether any process of this server is alive, orphans included.

        They all inherit one locked file, so the kernel answers. A pid file cannot: its pid may be
        another process by now.
        """
        with (self.directory / "alive").open("a") as alive:
            return not _try_lock(alive.fileno())

    def is_ready(self) -> bool:
        """Whether it serves: its pid file says so, and its socket has a listener."""
        if self.pid_if_ready(self.directory) is None:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def run(self, command: Sequence[str | Path], *, stdin: str = "") -> None:
        """Runs a program as the server's account; processes that it leaves running count as alive.

        Raises EmbeddedError with the program's output if it fails.
        """
        account = self.account
        with (
            (self.directory / "alive").open("a") as alive,
            (self.directory / "output").open("w+") as output,  # a pipe would wait for the daemon
        ):
            _try_lock(alive.fileno())
            finished = subprocess.run(
                command,
                input=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd=self.directory,
                pass_fds=[alive.fileno()],
                umask=0o077,
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=account and [],
            )
            if finished.returncode != 0:
                output.seek(0)
                raise EmbeddedError(f"{self.name} does not start:\n{output.read()}{self.log_end()}")

    def log_end(self) -> str:
        """Returns the last lines of its log, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def start(servers: Iterable[EmbeddedProcess]) -> None:
    """Starts the servers and waits until all serve; servers that are alive are kept as they are.

    Raises EmbeddedError if one does not start, or is not ready in START_SECONDS.
    """
    waiting = list(servers)
    for server in waiting:
        server.directory.parent.mkdir(parents=True, exist_ok=True)
        make_private(server.directory, server.account)
    launched: set[str] = set()
    deadline = time.monotonic() + START_SECONDS
    while waiting:
        for server in list(waiting):
            if server.is_alive():
                if server.is_ready():
                    waiting.remove(server)
                elif time.monotonic() > deadline:
                    raise EmbeddedError(f"{server.name} does not get ready:\n{server.log_end()}")
            elif server.name in launched:
                raise EmbeddedError(f"{server.name} does not start:\n{server.log_end()}")
            else:
                server.launch(server)
                launched.add(server.name)
        time.sleep(POLL_SECONDS)


def stop(servers: Iterable[EmbeddedProcess]) -> None:
    """Stops the servers, with one signal after another, and waits until no process is alive."""
    living = [server for server in servers if server.is_alive()]
    for step in range(max((len(server.stop_signals) for server in living), default=0)):
        waiting = [server for server in living if step < len(server.stop_signals)]
        deadline = time.monotonic() + STOP_SECONDS
        while living and time.monotonic() < deadline:
            # A server that has only just been started has no pid yet.
            for server in list(waiting):
                if (pid := server.pid(server.directory)) is not None:
                    _signal(pid, server.stop_signals[step])
                    waiting.remove(server)
            time.sleep(POLL_SECONDS)
            living = [server for server in living if server.is_alive()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # the daemon is gone; its children are about to end


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
