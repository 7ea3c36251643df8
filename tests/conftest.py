"""What every test may ask for: the real servers, an empty database, the whole server in it."""

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
from tests.api import Api, Clock
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

# What a busy machine does late is not wrong.
hypothesis.settings.register_profile(
    "weft", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("weft")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the directory of the servers; the processes of pytest-xdist inherit its name.

    It is none of pytest's: each run of pytest locks the directory of all runs for other accounts,
    and for root PostgreSQL runs as another account.
    """
    if not hasattr(config, "workerinput"):
        os.environ[SERVERS_DIRECTORY] = tempfile.mkdtemp(prefix="weft-tests-")


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than processors: a third of the time goes by in waiting for servers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run if any log of any server has, in the end, what no log may have."""
    if hasattr(session.config, "workerinput"):
        return
    found = FileWatch("**/*.log").leaks()
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("\nSecrets in the logs:\n" + "\n".join(found), red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes it when the last process has stopped the servers."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[SERVERS_DIRECTORY], ignore_errors=True)


@pytest.fixture(scope="session")
def log_watch() -> LogWatch:
    """What has heard all that was logged in this process."""
    return LogWatch.installed()


@pytest.fixture(scope="session")
def file_watch() -> FileWatch:
    """What searches the logs of the servers that tests of this process start."""
    return FileWatch(f"{os.getpid()}-*.log")


@pytest.fixture(autouse=True)
def refusals_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that have spent what they may need not wait for their refusals here."""
    monkeypatch.setattr("weft.transport.answer.REFUSAL_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def no_secrets_in_logs(log_watch: LogWatch, file_watch: FileWatch) -> Iterator[None]:
    """Every test fails that makes the server log a token, a password or an e-mail address."""
    yield
    found = [*log_watch.found, *file_watch.leaks()]
    log_watch.found.clear()
    assert found == []


@pytest.fixture(autouse=True)
async def no_tasks_left() -> AsyncIterator[None]:
    """Every test fails that leaves a task behind: it would end, or fail, in another test."""
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
    """A migrated database of this worker's own, as a libpq URL."""
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
    """Settings of a server in the test's own database and under its own prefix in Redis.

    WEFT_TEST_EXECUTOR=reference runs everything under graphql-core, WEFT_TEST_CACHE=available with
    the cache.
    """
    return Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue]
        environment="test",
        secret="a secret of the tests, long enough",  # pyright: ignore[reportArgumentType]
        database_url=database_url,
        redis_url=servers.redis_url,
        redis_prefix=f"test-{worker_id}-{next(_numbers)}",
        # Rows are written past the server, which a cache may learn a moment later.
        cache=os.environ.get("WEFT_TEST_CACHE", "off"),  # pyright: ignore[reportArgumentType]
        read_connections=2,
        write_connections=4,
        # On a busy machine an honest statement may take seconds.
        statement_timeout_ms=30_000,
        operation_timeout_ms=60_000,
        executor=os.environ.get("WEFT_TEST_EXECUTOR", "compiled"),  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture
def patience_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine an answer of Redis may take longer than a server waits for it."""
    monkeypatch.setattr("weft.rates.windows.SECONDS", PATIENCE_SECONDS)


@pytest.fixture
async def no_attempts(settings: Settings) -> None:
    """Forgets what earlier tests have attempted: the first users of all tests are the same."""
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
        # Before, a subscription would begin only once the change log has been found.
        await api.http.get("/health/ready")
        yield running


@pytest.fixture
def url(server: uvicorn.Server) -> str:
    """Where that server takes sockets."""
    return f"ws://{address_of(server)}/graphql"
