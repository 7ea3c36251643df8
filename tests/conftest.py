"""Fixtures of all tests: real PostgreSQL and Redis, an empty database, the whole server."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import uvicorn
from redis.asyncio import Redis

from app import create_app
from settings import Settings
from tests.client import Api, Clock
from tests.leaks import SERVERS_DIRECTORY, FileWatch, LogWatch
from tests.programs import redis_program
from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS, until
from weft.embedded import EmbeddedServers, embedded_servers
from weft.postgres.migration import upgrade

TABLES = (
    "refresh_tokens, sessions, items, users, changes, change_horizon, documents, audit_entries, "
    "password_resets, email_verifications, sign_ups"
)
_numbers = itertools.count(1)

# A slow example on a busy machine is not a failure.
hypothesis.settings.register_profile(
    "weft", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("weft")


def pytest_configure(config: pytest.Config) -> None:
    """Creates the directory of the servers; the processes of pytest-xdist inherit its name.

    It is not in pytest's directory, which each run of pytest locks for other accounts: if root runs
    the tests, PostgreSQL runs as another account.
    """
    if not hasattr(config, "workerinput"):
        os.environ[SERVERS_DIRECTORY] = tempfile.mkdtemp(prefix="weft-tests-")


def pytest_xdist_auto_num_workers() -> int:
    """Returns one worker more than processors: a third of the time is spent waiting for servers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run if the log of any server contains a secret at the end."""
    if hasattr(session.config, "workerinput"):
        return
    found = FileWatch("**/*.log").leaks()
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("\nSecrets in the logs:\n" + "\n".join(found), red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the directory of the servers after the last process has stopped them."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[SERVERS_DIRECTORY], ignore_errors=True)


@pytest.fixture(scope="session")
def log_watch() -> LogWatch:
    """Searches everything that is logged in this process."""
    return LogWatch.installed()


@pytest.fixture(scope="session")
def file_watch() -> FileWatch:
    """Searches the logs of the servers that tests of this process start."""
    return FileWatch(f"{os.getpid()}-*.log")


@pytest.fixture(autouse=True)
def refusals_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the pause before refusals of clients that have reached a limit."""
    monkeypatch.setattr("weft.transport.answer.REFUSAL_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def no_secrets_in_logs(log_watch: LogWatch, file_watch: FileWatch) -> Iterator[None]:
    """Fails every test that makes the server log a token, a password or an e-mail address."""
    yield
    found = [*log_watch.found, *file_watch.leaks()]
    log_watch.found.clear()
    assert found == []


@pytest.fixture(autouse=True)
async def no_tasks_left() -> AsyncIterator[None]:
    """Fails every test that leaves a task running: it would end, or fail, in another test."""
    before = asyncio.all_tasks()
    yield
    try:
        await until(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})
    except TimeoutError:
        pytest.fail(f"Tasks are left: {asyncio.all_tasks() - before - {asyncio.current_task()}}")


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """One PostgreSQL and one Redis for all workers of this run, without fsync."""
    directory = Path(os.environ[SERVERS_DIRECTORY])
    with embedded_servers(directory, durable=False, redis=redis_program()) as running:
        yield running


@pytest.fixture(scope="session")
def database_url(servers: EmbeddedServers, worker_id: str) -> str:
    """The libpq URL of a migrated database of this worker."""
    server = servers.database_url.replace("+asyncpg", "", 1)
    name = f"test_{worker_id}"
    asyncio.run(_create_database(server, name))
    url = server.replace("/weft?", f"/{name}?", 1)
    upgrade(url)
    return url


async def _create_database(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the database, which is empty when the test starts."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        f"SET session_replication_role = replica; DELETE FROM refresh_tokens; "
        f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE; SET session_replication_role = DEFAULT"
    )
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def settings(database_url: str, servers: EmbeddedServers, worker_id: str) -> Settings:
    """Settings of a server with this worker's database and prefix in Redis.

    WEFT_TEST_EXECUTOR=reference runs all tests under graphql-core, WEFT_TEST_CACHE=available with
    the cache.
    """
    return Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue]
        environment="test",
        secret="a secret of the tests, long enough",  # pyright: ignore[reportArgumentType]
        database_url=database_url,
        redis_url=servers.redis_url,
        redis_prefix=f"test-{worker_id}-{next(_numbers)}",
        # Tests write rows outside the server, which invalidates a cache only a moment later.
        cache=os.environ.get("WEFT_TEST_CACHE", "off"),  # pyright: ignore[reportArgumentType]
        read_connections=2,
        write_connections=4,
        # On a busy machine an ordinary statement may take seconds.
        statement_timeout_ms=30_000,
        operation_timeout_ms=60_000,
        executor=os.environ.get("WEFT_TEST_EXECUTOR", "compiled"),  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture
def patience_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises the timeout of rate limits in Redis, which a busy machine could exceed."""
    monkeypatch.setattr("weft.rates.windows.SECONDS", PATIENCE_SECONDS)


@pytest.fixture
async def no_attempts(settings: Settings) -> None:
    """Deletes the attempts of earlier tests: the first users of all tests have the same ids."""
    async with Redis.from_url(str(settings.redis_url)) as redis:
        pattern = f"{settings.redis_prefix}:rates*"
        if names := [name async for name in redis.scan_iter(pattern, count=10_000)]:
            await redis.delete(*names)


@pytest.fixture
async def api(
    connection: asyncpg.Connection,
    settings: Settings,
    patience_with_redis: None,
    no_attempts: None,
) -> AsyncIterator[Api]:
    """The whole server over an empty database."""
    clock = Clock()
    statements: list[str] = []
    app = create_app(settings, now=clock, observe=lambda sql, _: statements.append(sql))
    async with Api(app, settings, connection, clock, statements) as api:
        yield api


@pytest.fixture
async def server(api: Api) -> AsyncGenerator[uvicorn.Server]:
    """The whole server, listening on a free port."""
    async with listening(api.app) as running:
        # Waits for the change log: until then a subscription would not start.
        await api.http.get("/health/ready")
        yield running


@pytest.fixture
def url(server: uvicorn.Server) -> str:
    """The URL of that server for WebSockets."""
    return f"ws://{address_of(server)}/graphql"
