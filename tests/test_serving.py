"""With a development secret the server listens on loopback addresses only."""

import os
import subprocess
import sys

import pytest

from app import create_app
from serving import is_loopback, listening
from settings import Settings
from tests.processes import WEFT
from tests.waiting import PATIENCE_SECONDS
from weft.auth.tokens import DEVELOPMENT_SECRET

FIT = "a secret of these tests, long enough"
NOWHERE = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"}
NOTHING_SET = os.environ | NOWHERE | {"ENVIRONMENT": "", "SECRET": "", "SECRETS_PREVIOUS": ""}
PUBLIC = ["0.0.0.0", "", "0", "::", "::ffff:0.0.0.0", "198.51.100.7", "2001:db8::7"]
LOOPBACK = ["127.0.0.1", "127.0.0.2", "localhost", "::1"]


def development(**values: object) -> Settings:
    return Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue]
        environment="development",
        database_url=NOWHERE["DATABASE_URL"],
        redis_url=NOWHERE["REDIS_URL"],
        **values,  # pyright: ignore[reportArgumentType]
    )


def ended(*command: str, **environment: str) -> str:
    """Runs a command that must fail with one line on stderr; returns the line."""
    result = subprocess.run(
        command,
        env=NOTHING_SET | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert result.returncode == 1, result
    (line,) = result.stderr.splitlines()
    return line


class TestDevelopmentSecret:
    @pytest.mark.parametrize("host", PUBLIC)
    def test_public_address_is_refused_with_the_development_secret(self, host: str) -> None:
        with pytest.raises(SystemExit) as left, listening(host, 0, development()):
            raise AssertionError("It listens.")
        line = str(left.value)
        assert "SECRET is still the one of development: set one" in line
        assert "ENVIRONMENT=production" in line

    @pytest.mark.parametrize("host", LOOPBACK)
    def test_loopback_address_is_allowed_with_the_development_secret(self, host: str) -> None:
        with listening(host, 0, development()) as listener:
            assert is_loopback(listener.getsockname()[0])

    @pytest.mark.parametrize(
        "unfit",
        [{"secret": "short"}, {"secret": FIT, "secrets_previous": {"0": DEVELOPMENT_SECRET}}],
    )
    def test_short_and_previous_development_secrets_are_refused_too(
        self, unfit: dict[str, object]
    ) -> None:
        with pytest.raises(SystemExit), listening("0.0.0.0", 0, development(**unfit)):
            raise AssertionError("It listens.")

    @pytest.mark.parametrize("command", [["run"], ["serve"], ["serve", "--workers", "2"]])
    def test_each_command_refuses_a_public_address_with_one_line(self, command: list[str]) -> None:
        line = ended(str(WEFT), *command, "--host", "0.0.0.0", "--port", "0")
        assert line.startswith("Cannot listen on 0.0.0.0, where other machines can reach it")

    def test_application_factory_ends_with_one_line(self) -> None:
        line = ended(sys.executable, "-c", "import serving; serving.application()")
        assert line.startswith("SECRET is still the one of development")

    def test_create_app_raises_without_the_promise_of_loopback(self) -> None:
        with pytest.raises(ValueError, match="SECRET is still the one of development"):
            create_app(development())


class TestFitSecret:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])
    def test_fit_secret_may_listen_everywhere(self, host: str) -> None:
        with listening(host, 0, development(secret=FIT)) as listener:
            assert not is_loopback(listener.getsockname()[0])


class TestHost:
    def test_invalid_host_ends_with_one_line(self) -> None:
        for host in ("..", "nosuch.invalid"):
            with (
                pytest.raises(SystemExit, match="Cannot listen on"),
                listening(host, 0, development()),
            ):
                raise AssertionError("It listens.")
