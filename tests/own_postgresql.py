"""A PostgreSQL for one test, with fsync, which may be killed, copied and restored."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.database import Database
from tests.waiting import until
from weft.embedded.account import hand_over, server_account
from weft.embedded.binaries import postgresql_binaries
from weft.embedded.postgresql import DATABASE, SUPERUSER, postgresql_server
from weft.embedded.process import EmbeddedProcess, start, stop
from weft.embedded.sockets import socket_directory
from weft.postgres.migration import upgrade

OPTIONS = (
    # Transaction ids that are only drawn are not written to the WAL while the server lives.
    "wal_writer_delay = '10s'",
    # Only the test draws transaction ids.
    "autovacuum = off",
)

DRAW = "DO $$ BEGIN FOR n IN 1..500 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
"""Draws transaction ids that the WAL does not have."""


class OwnPostgreSQL(Database):
    """A migrated database; `dsn` stays the same after the server is killed or restored."""

    def __init__(self, server: EmbeddedProcess, sockets: Path) -> None:
        super().__init__(f"postgresql://{SUPERUSER}@/{DATABASE}?host={sockets}")
        self._server = server
        self._sockets = sockets
        self._data = server.directory / "data"
        self._copy = server.directory / "copy"

    async def start(self) -> None:
        await asyncio.to_thread(start, [self._server])

    async def stop(self) -> None:
        await asyncio.to_thread(stop, [self._server])

    async def kill(self) -> None:
        """Kills the postmaster, and starts another one once its backends have ended."""
        pid = self._server.pid(self._server.directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not self._server.is_alive())  # its backends end by themselves
        await self.start()

    async def kill_backend(self) -> None:
        """Kills one backend: the postmaster ends all others, recovers, and goes on."""
        connection = await self.connect()
        os.kill(connection.get_server_pid(), signal.SIGKILL)
        await until(connection.is_closed)
        await until(self.answers)

    async def answers(self) -> bool:
        """Whether it accepts connections."""
        return await self.psql("SELECT 1")

    async def copy(self) -> None:
        """Makes a cold copy: stops the server, copies its data, starts it."""
        await self.stop()
        shutil.rmtree(self._copy, ignore_errors=True)
        await asyncio.to_thread(self._server.run, ["cp", "-a", self._data, self._copy])
        await self.start()

    async def put_back(self) -> None:
        """Replaces the data by the copy, and keeps the copy."""
        await self.stop()
        shutil.rmtree(self._data)
        await asyncio.to_thread(self._server.run, ["cp", "-a", self._copy, self._data])
        await self.start()

    async def become_standby(self) -> None:
        """Restarts it as a standby without a primary; `pg_promote()` makes it writable again."""
        await self.stop()
        (self._data / "standby.signal").touch()
        self._server.launch(self._server)
        await until(self.answers)

    async def program(self, name: str, *arguments: str) -> None:
        """Runs a program of PostgreSQL; raises if it fails."""
        to_server = ("--host", str(self._sockets), "--username", SUPERUSER)
        command: Sequence[str | Path] = (postgresql_binaries() / name, *to_server, *arguments)
        await asyncio.to_thread(subprocess.run, command, check=True)


@asynccontextmanager
async def own_postgresql() -> AsyncGenerator[OwnPostgreSQL]:
    """Runs a PostgreSQL until the block ends."""
    account, binaries = server_account(), postgresql_binaries()
    # Not in a pytest directory: each run of pytest locks those of all others for PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="weft-own-") as name:
        directory = Path(name)
        if account is not None:
            hand_over(account, binaries=binaries, directory=directory)
        sockets = socket_directory(directory, account)
        server = postgresql_server(
            binaries, directory / "postgresql", sockets, account, durable=True
        )
        own = OwnPostgreSQL(server, sockets)
        await own.start()
        try:
            for option in OPTIONS:
                await own.run(f"ALTER SYSTEM SET {option}")
            await own.run("SELECT pg_reload_conf()")
            await asyncio.to_thread(upgrade, own.dsn)
            yield own
        finally:
            await own.stop()
