"""A mail, and what delivers it."""

from collections.abc import Awaitable, Callable

from weft.confidential import Confidential


class Mail(Confidential, frozen=True):
    """A text for one address; it may hold a token, so it is never logged but in development."""

    to: str
    subject: str
    text: str


Deliver = Callable[[Mail], Awaitable[None]]
"""Returns when somebody else answers for the mail; raises if it should be tried again."""
