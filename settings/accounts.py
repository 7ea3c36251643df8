"""Settings of accounts: a base class of `settings.Settings`, which has the others."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

TOKEN_PLACE = "{token}"


class AccountSettings(BaseSettings):
    """Settings of sessions, of sign-up, and of mail and its texts."""

    session_cookies: bool = Field(
        default=False,
        description="Browsers may keep their session in cookies that no script reads, by the "
        "header `X-Session: cookie`; pages of CORS_ORIGINS too, if they are of the same site.",
    )

    session_refreshes_per_hour: int = Field(
        default=60,
        ge=1,
        description="How often one session may be refreshed within an hour, all its tabs together; "
        "then TOO_MANY_REQUESTS, and the session goes on. At least "
        "two in ACCESS_TOKEN_SECONDS, or the server does not start.",
    )

    sign_up: Literal["open", "verified"] = Field(
        default="open",
        description="`open`: signUp gives a session at once, or says TAKEN. `verified`: it answers "
        "alike for every address, and verifyEmail gives the session.",
    )
    unverified_accounts: Literal["full", "read"] = Field(
        default="full",
        description="What accounts may do whose e-mail address is not verified: all, or `read` and "
        "change themselves; other mutations are FORBIDDEN then.",
    )

    smtp_url: SecretStr | None = Field(
        default=None,
        description="The server that sends mail, as `smtp://name:password@host:587`, or `smtps://` "
        "where it is encrypted from the start. Unset, mails are shown in the log in development, "
        "and are not sent elsewhere.",
    )
    mail_from: str = Field(default="weft@localhost", description="The sender of mails.")
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="Where people reach the server, for links in mails to its own page; unset, "
        "`weft serve` and `weft run` say where they listen.",
    )
    password_reset_url: str | None = Field(
        default=None,
        description="The page on which a new password is chosen, as "
        "`https://app.example.com/reset#{token}`; unset, mails have the token alone, and in "
        "development a link to the page of this server.",
    )
    password_reset_seconds: int = Field(
        default=1_800,
        ge=60,
        le=86_400,
        description="How long a token that resets a password is good.",
    )

    email_verification_url: str | None = Field(
        default=None,
        description="The page that takes the token of an e-mail address to be verified, as "
        "`https://app.example.com/verify#{token}`; unset, as PASSWORD_RESET_URL.",
    )
    email_verification_seconds: int = Field(
        default=86_400,
        ge=60,
        le=604_800,
        description="How long a token that verifies an e-mail address is good.",
    )

    @property
    def smtp(self) -> str | None:
        """The URL of the mail server, with its password."""
        return None if self.smtp_url is None else self.smtp_url.get_secret_value()

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("must begin with smtp:// or smtps://")
        return url

    @field_validator("password_reset_url", "email_verification_url")
    @classmethod
    def _has_place(cls, url: str | None) -> str | None:
        if url is not None and TOKEN_PLACE not in url:
            raise ValueError(f"must have {TOKEN_PLACE} where the token is to stand")
        return url
