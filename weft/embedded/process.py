"""A server as a process: whether it lives, and how it is started and stopped."""

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
    """One server and its files; it runs on its own, as a child of nobody here."""

    name: str
    directory: Path
    socket: Path
    account: pwd.struct_passwd | None
    launch: Callable[["EmbeddedProcess"], None]
    """Starts the daemon and returns without waiting for it; everything through `run`."""

    pid_if_ready: Callable[[Path], int | None]
    """The daemon's pid, as its pid file tells once it serves; else None. Takes the directory."""

    pid: Callable[[Path], int | None]
    """The daemon's pid as soon as it is known. Takes the directory."""

    stop_signals: Sequence[signal.Signals]
    """Tried in order, each for STOP_SECONDS; the last must not be refusable."""

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def is_alive(self) -> bool:
        """Whether any process of this server lives, orphans included.

        They all inherit one locked file, so the kernel answers. A pid file cannot: its pid may
        be another process by now.
        """
        with (self.directory / "alive").open("a") as alive:
            return not _try_lock(alive.fileno())

    def is_ready(self) -> bool:
        """Whether it serves: says so itself, and its socket has a listener."""
        if self.pid_if_ready(self.directory) is None:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def run(self, command: Sequence[str | Path], *, stdin: str = "") -> None:
        """Runs a program as the server's account; whatever it leaves running counts as alive.

        Raises EmbeddedError with what it printed where it fails.
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
        """The last lines of its log, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def start(servers: Iterable[EmbeddedProcess]) -> None:
    """Returns when all of them serve; those that live already are taken over as they are."""
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
    """Returns when no process of any of them lives; more and more firmly."""
    living = [server for server in servers if server.is_alive()]
    for step in range(max((len(server.stop_signals) for server in living), default=0)):
        waiting = [server for server in living if step < len(server.stop_signals)]
        deadline = time.monotonic() + STOP_SECONDS
        while living and time.monotonic() < deadline:
            # One that has only just been started has no pid yet.
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
        return  # the daemon is gone; what still lives are children of it on their way out


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
