"""The embedded PostgreSQL: a cluster with one database, set up once and kept."""

import pwd
import shlex
import shutil
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from weft.embedded.process import EmbeddedProcess

DATABASE = "weft"
SUPERUSER = "postgres"

OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_error_verbosity": "terse",  # the detail of a unique violation has the e-mail address
}

UNSAFE_OPTIONS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
"""For data that may be lost in a power failure; halves the time of a test run."""

LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
"""Built into PostgreSQL: text sorts the same on every machine, whatever its C library."""


def postgresql_server(
    binaries: Path,
    directory: Path,
    sockets: Path,
    account: pwd.struct_passwd | None,
    *,
    durable: bool,
) -> EmbeddedProcess:
    """Returns the PostgreSQL with its cluster in `directory/data`; trusts its socket's clients."""
    return EmbeddedProcess(
        name="PostgreSQL",
        directory=directory,
        socket=sockets / ".s.PGSQL.5432",
        account=account,
        launch=partial(_launch, binaries, sockets, durable),
        pid=_pid,
        pid_if_ready=_pid_if_ready,
        stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast shutdown, immediate shutdown
    )


def _launch(binaries: Path, sockets: Path, durable: bool, server: EmbeddedProcess) -> None:
    data = server.directory / "data"
    if not data.exists():
        _set_up(binaries, data, durable, server)
    # No process of this cluster lives, so these are stale. PostgreSQL would refuse to start if
    # their pid happened to belong to some other process by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    server.socket.with_name(f"{server.socket.name}.lock").unlink(missing_ok=True)
    options = {**OPTIONS, "unix_socket_directories": str(sockets)}
    if not durable:
        options |= UNSAFE_OPTIONS
    arguments = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    pg_ctl = [binaries / "pg_ctl", "start", "--no-wait", "--silent", "-D", data, "-l", server.log]
    server.run([*pg_ctl, "-o", shlex.join(arguments)])


def _set_up(binaries: Path, data: Path, durable: bool, server: EmbeddedProcess) -> None:
    """Creates the cluster and its database beside `data`, then renames it: complete or absent."""
    unfinished = data.with_name("data.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    syncing = () if durable else ("--no-sync",)
    initdb = [binaries / "initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust"]
    server.run([*initdb, *LOCALE, *syncing])
    single = [binaries / "postgres", "--single", "-D", unfinished, "-c", "fsync=off", "postgres"]
    server.run(single, stdin=f"CREATE DATABASE {DATABASE}\n")
    unfinished.rename(data)


def _pid(directory: Path) -> int | None:
    lines = _pid_file_lines(directory)
    return int(lines[0]) if lines else None


def _pid_if_ready(directory: Path) -> int | None:
    lines = _pid_file_lines(directory)
    # The eighth line is the state: starting, ready, stopping.
    return int(lines[0]) if len(lines) == 8 and lines[7].strip() == "ready" else None


def _pid_file_lines(directory: Path) -> list[str]:
    try:
        return (directory / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
