"""Settings: where they come from, what is refused, and that their table has them all."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from development.generated import CHECKOUT
from settings import Settings, settings_table
from weft.auth.tokens import DEVELOPMENT_SECRET

LONG_SECRET = "x" * 32


def read(**values: Any) -> Settings:
    """Settings from these values and nothing else but the environment."""
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]


class TestSource:
    def test_is_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("READ_CONNECTIONS", "7")
        assert read().read_connections == 7

    def test_is_a_file_too_which_the_environment_overrides(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path(".env").write_text("READ_CONNECTIONS=7\nWRITE_CONNECTIONS=8\nSOMEBODY_ELSES=1\n")
        monkeypatch.setenv("WRITE_CONNECTIONS", "9")
        settings = Settings()
        assert (settings.read_connections, settings.write_connections) == (7, 9)

    def test_takes_lists_with_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test,")
        assert read().cors_origins == ["https://a.test", "https://b.test"]

    def test_keeps_origins_in_the_form_in_which_browsers_send_them(self) -> None:
        given = ["https://App.test/", "https://b.test:443", "http://c.test:8080", "*"]
        assert read(cors_origins=given).cors_origins == [
            "https://app.test", "https://b.test", "http://c.test:8080", "*",
        ]  # fmt: skip

    @pytest.mark.parametrize("origin", ["app.test", "null", "https://a.test/app", "https://*.test"])
    def test_takes_nothing_else_for_an_origin(self, origin: str) -> None:
        with pytest.raises(ValidationError, match="is no origin"):
            read(cors_origins=[origin])

    def test_takes_an_empty_variable_as_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORS_ORIGINS", "")
        monkeypatch.setenv("DATABASE_URL", "")
        assert read().cors_origins == []
        assert read().database_url is None

    def test_example_has_settings_only(self) -> None:
        lines = (CHECKOUT / ".env.example").read_text().splitlines()
        named = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
        assert {name.lower() for name in named} <= set(Settings.model_fields)

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_takes_every_common_scheme_of_the_database(self, scheme: str) -> None:
        assert read(database_url=f"{scheme}://h/d").database_url == "postgresql+asyncpg://h/d"

    @pytest.mark.parametrize("url", ["mysql://h/d", "h/d"])
    def test_takes_no_other_database(self, url: str) -> None:
        with pytest.raises(ValidationError, match="postgresql://"):
            read(database_url=url)


class TestSessions:
    def test_may_be_refreshed_as_often_as_their_access_tokens_need(self) -> None:
        with pytest.raises(ValidationError, match="SESSION_REFRESHES_PER_HOUR"):
            read(access_token_seconds=119)
        assert read(access_token_seconds=120)
        assert read(access_token_seconds=60, session_refreshes_per_hour=120)


class TestSecret:
    def test_has_a_default_in_development(self) -> None:
        assert read().secret.get_secret_value() == DEVELOPMENT_SECRET

    @pytest.mark.parametrize("environment", ["production", "test"])
    def test_must_be_set_elsewhere(self, environment: str) -> None:
        with pytest.raises(ValidationError, match="SECRET is still"):
            read(environment=environment)

    @pytest.mark.parametrize("environment", ["production", "test"])
    def test_must_be_long_elsewhere(self, environment: str) -> None:
        with pytest.raises(ValidationError, match="32 bytes"):
            read(environment=environment, secret=LONG_SECRET[1:])
        assert read(environment=environment, secret=LONG_SECRET)

    def test_must_have_been_long_before(self) -> None:
        with pytest.raises(ValidationError, match="32 bytes"):
            read(environment="production", secret=LONG_SECRET, secrets_previous={"0": "short"})

    def test_stands_in_no_message_and_no_log(self) -> None:
        with pytest.raises(ValidationError) as raised:
            read(environment="production", secret="a-short-secret")
        assert "a-short-secret" not in str(raised.value)
        shown = repr(read(secret="a-short-secret", database_url="postgresql://u:hidden@h/d"))
        assert "a-short-secret" not in shown
        assert "hidden" not in shown


class TestSettingsTable:
    def test_describes_every_setting(self) -> None:
        for name, field in Settings.model_fields.items():
            assert f"| `{name.upper()}` |" in settings_table()
            assert field.description, name
