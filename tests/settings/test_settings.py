"""Settings: their sources, refused values, and their table."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from development.generated import CHECKOUT
from settings import Settings, settings_table
from weft.auth.tokens import DEVELOPMENT_SECRET

LONG_SECRET = "x" * 32


def read(**values: Any) -> Settings:
    """Returns settings from these values and the environment only."""
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]


class TestSource:
    def test_settings_are_read_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("READ_CONNECTIONS", "7")
        assert read().read_connections == 7

    def test_environment_overrides_the_env_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path(".env").write_text("READ_CONNECTIONS=7\nWRITE_CONNECTIONS=8\nSOMEBODY_ELSES=1\n")
        monkeypatch.setenv("WRITE_CONNECTIONS", "9")
        settings = Settings()
        assert (settings.read_connections, settings.write_connections) == (7, 9)

    def test_lists_are_separated_by_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test,")
        assert read().cors_origins == ["https://a.test", "https://b.test"]

    def test_origins_are_normalized_as_browsers_send_them(self) -> None:
        given = ["https://App.test/", "https://b.test:443", "http://c.test:8080", "*"]
        assert read(cors_origins=given).cors_origins == [
            "https://app.test", "https://b.test", "http://c.test:8080", "*",
        ]  # fmt: skip

    @pytest.mark.parametrize("origin", ["app.test", "null", "https://a.test/app", "https://*.test"])
    def test_other_texts_are_refused_as_origins(self, origin: str) -> None:
        with pytest.raises(ValidationError, match="is no origin"):
            read(cors_origins=[origin])

    def test_empty_variable_counts_as_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORS_ORIGINS", "")
        monkeypatch.setenv("DATABASE_URL", "")
        assert read().cors_origins == []
        assert read().database_url is None

    def test_example_file_names_only_settings(self) -> None:
        lines = (CHECKOUT / ".env.example").read_text().splitlines()
        named = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
        assert {name.lower() for name in named} <= set(Settings.model_fields)

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_common_database_schemes_are_accepted(self, scheme: str) -> None:
        assert read(database_url=f"{scheme}://h/d").database_url == "postgresql+asyncpg://h/d"

    @pytest.mark.parametrize("url", ["mysql://h/d", "h/d"])
    def test_other_databases_are_refused(self, url: str) -> None:
        with pytest.raises(ValidationError, match="postgresql://"):
            read(database_url=url)


class TestSessions:
    def test_refreshes_per_hour_must_suffice_for_the_access_tokens(self) -> None:
        with pytest.raises(ValidationError, match="SESSION_REFRESHES_PER_HOUR"):
            read(access_token_seconds=119)
        assert read(access_token_seconds=120)
        assert read(access_token_seconds=60, session_refreshes_per_hour=120)


class TestSecret:
    def test_secret_has_a_default_in_development(self) -> None:
        assert read().secret.get_secret_value() == DEVELOPMENT_SECRET

    @pytest.mark.parametrize("environment", ["production", "test"])
    def test_secret_must_be_set_elsewhere(self, environment: str) -> None:
        with pytest.raises(ValidationError, match="SECRET is still"):
            read(environment=environment)

    @pytest.mark.parametrize("environment", ["production", "test"])
    def test_secret_must_be_long_elsewhere(self, environment: str) -> None:
        with pytest.raises(ValidationError, match="32 bytes"):
            read(environment=environment, secret=LONG_SECRET[1:])
        assert read(environment=environment, secret=LONG_SECRET)

    def test_previous_secrets_must_be_long_too(self) -> None:
        with pytest.raises(ValidationError, match="32 bytes"):
            read(environment="production", secret=LONG_SECRET, secrets_previous={"0": "short"})

    def test_secret_is_in_no_message_and_no_repr(self) -> None:
        with pytest.raises(ValidationError) as raised:
            read(environment="production", secret="a-short-secret")
        assert "a-short-secret" not in str(raised.value)
        shown = repr(read(secret="a-short-secret", database_url="postgresql://u:hidden@h/d"))
        assert "a-short-secret" not in shown
        assert "hidden" not in shown


class TestSettingsTable:
    def test_table_describes_every_setting(self) -> None:
        for name, field in Settings.model_fields.items():
            assert f"| `{name.upper()}` |" in settings_table()
            assert field.description, name
