"""A mail, and the type of functions that deliver it."""

from collections.abc import Awaitable, Callable

from weft.confidential import Confidential


class Mail(Confidential, frozen=True):
    """A text for one address. It may contain a token, so it is logged in development only."""

    to: str
    subject: str
    text: str


class MailRefused(Exception):
    """The mail is refused, and will be at each retry; `code` is SMTP's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Deliver = Callable[[Mail], Awaitable[None]]
"""Returns when a server has accepted the mail. Raises `MailRefused` if none ever will, and any
other error if it should be retried."""
