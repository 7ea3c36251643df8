"""A mail, and what delivers it."""

from collections.abc import Awaitable, Callable

from weft.confidential import Confidential


class Mail(Confidential, frozen=True):
    """A text for one address; it may hold a token, so it is never logged but in development."""

    to: str
    subject: str
    text: str


class MailRefused(Exception):
    """The mail will not be taken, however often it is tried; `code` is SMTP's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Deliver = Callable[[Mail], Awaitable[None]]
"""Returns when somebody else answers for the mail; raises `MailRefused` if nobody ever will, and
anything else if it should be tried again.
"""
