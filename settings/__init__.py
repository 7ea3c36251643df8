"""All settings of the server, with unit, limits and default; read once, at the start."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from settings.accounts import AccountSettings
from settings.limits import CommaSeparated, LimitSettings
from settings.table import settings_rows
from weft.auth.sessions import SessionRules
from weft.auth.tokens import DEVELOPMENT_SECRET, check_secret
from weft.bounds import CACHED_VALUES, ROWS
from weft.transport.limits import SocketLimits
from weft.transport.origins import allowed_origin

SECONDS_OF_HOUR = 3_600


class Settings(AccountSettings, LimitSettings):
    """Read from the environment, then from `.env`; variables are the field names in capitals.

    Raises pydantic's ValidationError for a value out of its limits, and outside development for
    the published development secret or a secret shorter than 32 bytes.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production", "test"] = Field(
        default="development",
        description="Anything but `development` refuses the development secret; with that, the "
        "server listens on loopback addresses only.",
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="PostgreSQL, as `postgresql://user:password@host/name`; "
        "unset, the embedded one is started.",
    )
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis or Valkey: `redis://host:6379/0`; unset, an embedded Valkey is started.",
    )
    embedded_directory: Path = Field(
        default=Path(".weft"),
        description="Where the embedded servers keep their data; relative to the checkout.",
    )
    redis_prefix: str = Field(
        default="weft",
        min_length=1,
        description="Begins every key and channel in Redis, so that several servers can share one.",
    )
    secret: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SECRET),
        description="Signs access tokens and seals cursors of live updates; at least 32 bytes, "
        "the same in every process.",
    )
    secret_key_id: str = Field(
        default="1",
        min_length=1,
        description="Names the secret in the tokens that it signs; "
        "give a new secret a new name when you rotate.",
    )
    secrets_previous: dict[str, SecretStr] = Field(
        default_factory=dict,
        description='Secrets that still verify, as JSON: `{"key id": "secret"}`; '
        "drop one after CHANGES_RETENTION_HOURS, when nobody needs its tokens and cursors.",
    )
    access_token_seconds: int = Field(
        default=900, ge=10, le=86_400, description="How long an access token is good."
    )
    refresh_token_seconds: int = Field(
        default=30 * 86_400, ge=60, description="How long a session lives without being refreshed."
    )
    refresh_grace_seconds: int = Field(
        default=10,
        ge=0,
        le=60,
        description="How long a used refresh token may come once again, for two tabs at once.",
    )
    executor: Literal["compiled", "reference"] = Field(
        default="compiled",
        description="`compiled` plans, or `reference`: graphql-core, much slower.",
    )
    read_connections: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Connections held for reading, per process; fewer make larger batches.",
    )
    write_connections: int = Field(
        default=10, ge=1, le=100, description="Connections for mutations, per process, at most."
    )
    row_memory_bytes: int = Field(
        default=ROWS.max_bytes,
        ge=0,
        description="What each process may take for rows it has read, so that the database need "
        "only confirm them; 0 remembers none.",
    )
    cache_memory_bytes: int = Field(
        default=CACHED_VALUES.max_bytes,
        ge=0,
        description="What each process may take for values of cached fields, so that Redis need "
        "only say that they still count; 0 keeps none.",
    )
    statement_timeout_ms: int = Field(
        default=5_000, ge=100, le=600_000, description="PostgreSQL ends a statement after this."
    )
    operation_timeout_ms: int = Field(
        default=10_000, ge=100, le=600_000, description="A query or mutation ends after this."
    )
    body_limit_bytes: int = Field(
        default=1_048_576, ge=1_024, description="A longer request body is refused with status 413."
    )
    cors_origins: CommaSeparated = Field(
        default_factory=list,
        description="Origins whose pages may call the server, separated by commas.",
    )
    allowed_hosts: CommaSeparated = Field(
        default=["*"],
        description="Host names that the server answers to, separated by commas; "
        "`*` is any, for use behind a proxy that checks them.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Less important records are dropped."
    )
    log_format: Literal["console", "json"] = Field(
        default="json", description="`console` is for reading, `json` has one object a line."
    )
    slow_statement_ms: int = Field(
        default=200, ge=0, description="A slower statement is logged with its name and time."
    )
    changes_poll_ms: int = Field(
        default=100,
        ge=10,
        le=2_000,
        description="How often the relay looks for changes that no process of ours wrote.",
    )
    changes_retention_hours: int = Field(
        default=24, ge=1, description="How far back a subscription can resume."
    )
    cache: Literal["available", "strict", "off"] = Field(
        default="available",
        description="While Redis is out of reach, a mutation writes and is acknowledged half a "
        "second later (`available`), or is refused (`strict`). `off` caches nothing.",
    )
    socket_init_timeout_seconds: int = Field(
        default=10, ge=1, le=300, description="A socket without `connection_init` is closed (4408)."
    )
    socket_message_limit_bytes: int = Field(
        default=262_144,
        ge=1_024,
        description="A longer message closes its socket (1009); so does one of more than 1,000 "
        "fragments.",
    )
    socket_operations: int = Field(
        default=100, ge=1, description="Operations under way at once on one socket."
    )
    socket_operations_per_second: int = Field(
        default=50, ge=1, description="Operations that one socket may begin in a second."
    )
    sockets_per_viewer: int = Field(
        default=100, ge=1, description="Sockets and event streams of one user, per process."
    )
    sockets_per_address: int = Field(
        default=2_000,
        ge=1,
        description="Sockets and event streams from one network address (of IPv6, one /64), per "
        "process; more are refused with status 429.",
    )
    socket_buffer_bytes: int = Field(
        default=1_048_576,
        ge=65_536,
        description="What may wait for a client that does not read; then it is closed (1013).",
    )
    socket_stall_seconds: int = Field(
        default=30,
        ge=1,
        le=600,
        description="A client that takes nothing of an answer for so long is closed (1013).",
    )
    socket_ping_seconds: int = Field(
        default=20,
        ge=1,
        le=600,
        description="How often clients are pinged; one that does not answer for as long is cut.",
    )
    stream_keep_alive_seconds: int = Field(
        default=12, ge=1, le=600, description="How often a silent event stream sends a comment."
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description="How long a connection stays open without a request. Longer than any proxy in "
        "front keeps its own, or requests meet a connection that is just being closed (502).",
    )
    shutdown_spread_seconds: int = Field(
        default=4,
        ge=0,
        le=60,
        description="Over how long sockets are closed when the server stops, 100 a second at "
        "least; shorter than SHUTDOWN_SECONDS.",
    )
    shutdown_seconds: int = Field(
        default=10,
        ge=1,
        le=300,
        description="How long requests in flight may take when the server stops, and after them "
        "what runs in the background.",
    )

    @property
    def previous_secrets(self) -> dict[str, str]:
        """The secrets that still verify tokens and cursors, by key id."""
        return {name: secret.get_secret_value() for name, secret in self.secrets_previous.items()}

    @property
    def socket_limits(self) -> SocketLimits:
        """The limits of one socket or event stream, and of their number."""
        return SocketLimits(
            init_timeout_seconds=self.socket_init_timeout_seconds,
            message_limit_bytes=self.socket_message_limit_bytes,
            operations=self.socket_operations,
            operations_per_second=self.socket_operations_per_second,
            per_viewer=self.sockets_per_viewer,
            per_address=self.sockets_per_address,
            subscriptions_per_viewer=self.subscriptions_per_viewer,
            subscriptions_per_address=self.subscriptions_per_address,
            resumes=self.resumes_at_once,
            buffer_bytes=self.socket_buffer_bytes,
            stall_seconds=self.socket_stall_seconds,
            ping_seconds=self.socket_ping_seconds,
            keep_alive_seconds=self.stream_keep_alive_seconds,
            shutdown_spread_seconds=self.shutdown_spread_seconds,
        )

    @property
    def session_rules(self) -> SessionRules:
        """How long a session lives without a refresh, and the limits of refreshes."""
        return SessionRules(
            idle=timedelta(seconds=self.refresh_token_seconds),
            grace=timedelta(seconds=self.refresh_grace_seconds),
            refreshes_per_hour=self.session_refreshes_per_hour,
        )

    def check_secrets(self, *, development: bool) -> None:
        """Raises ValueError if the secret or a previous one is unfit to sign or verify with."""
        for secret in (self.secret, *self.secrets_previous.values()):
            check_secret(secret.get_secret_value(), development=development)

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send_them(cls, origins: list[str]) -> list[str]:
        return [allowed_origin(origin) for origin in origins]

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError("must begin with postgresql://")
        return f"postgresql+asyncpg://{rest}"

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        self.check_secrets(development=self.environment == "development")
        if self.session_cookies and "*" in self.cors_origins:
            raise ValueError("CORS_ORIGINS must name its origins where SESSION_COOKIES is on")
        if self.session_refreshes_per_hour * self.access_token_seconds < 2 * SECONDS_OF_HOUR:
            raise ValueError(
                "SESSION_REFRESHES_PER_HOUR must allow two refreshes in ACCESS_TOKEN_SECONDS"
            )
        return self


def settings_table() -> str:
    """All settings as a Markdown table: variable, default, meaning with limits."""
    fields = Settings.model_fields
    parts = {**AccountSettings.model_fields, **LimitSettings.model_fields}
    own_first = [name for name in fields if name not in parts] + list(parts)
    return "\n".join(settings_rows({name: fields[name] for name in own_first})) + "\n"
