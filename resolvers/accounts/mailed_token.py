"""Tokens that go out by mail and come back: the mail, its link, and the error of a bad token."""

from datetime import timedelta
from urllib.parse import quote

from resolvers.context import MailedTokens
from weft.mail.mail import Mail
from weft.problem import UserError, UserErrorCode

EXPIRED = UserError(
    UserErrorCode.EXPIRED, "The token is unknown, used or too old: ask for another.", ["token"]
)


def development_link(public_url: str | None, operation: str) -> str | None:
    """A link to the page of the server there, with an operation that has `{token}`.

    None without a page.
    """
    if public_url is None:
        return None
    query = quote(operation).replace("%7Btoken%7D", "{token}")
    return f"{public_url.rstrip('/')}/graphql?query={query}"


def mail_with_token(tokens: MailedTokens, to: str, subject: str, text: str, token: str) -> Mail:
    """A mail of a `text` with places for the token or its link, and for how long it is good."""
    where = token if tokens.link is None else tokens.link.replace("{token}", token)
    return Mail(to, subject, text.format(where, duration(tokens.lifetime)))


def duration(lifetime: timedelta) -> str:
    """In words: whole hours from two on, otherwise minutes."""
    minutes = int(lifetime.total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    if rest or hours < 2:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{hours} hours"
