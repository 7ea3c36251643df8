"""What is to be sent: posted without waiting, delivered one after another in the background.

Mails that wait when the process stops are lost: whoever misses one asks for another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

import structlog

from weft.changes.channel import heed_cancellation
from weft.mail.mail import Deliver, Mail, MailRefused

WAITING = 1_000
ATTEMPTS = 3
PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Outbox:
    """One for each process. `pause` is waited for before a mail is tried again."""

    def __init__(
        self, deliver: Deliver, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._deliver = deliver
        self._pause = pause
        self._waiting = asyncio.Queue[Mail](WAITING)

    def post(self, mail: Mail) -> None:
        """Takes a mail; never waits. One that finds no room is dropped, and that is logged."""
        try:
            self._waiting.put_nowait(mail)
        except asyncio.QueueFull:
            log.error("mail_dropped", subject=mail.subject)

    async def run(self) -> Never:
        """Delivers until it is cancelled."""
        while True:
            await self._send(await self._waiting.get())

    async def _send(self, mail: Mail) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._deliver(mail)
            except MailRefused as refused:
                log.error("mail_refused", subject=mail.subject, code=refused.code)
                return
            except Exception as error:
                heed_cancellation()  # aiosmtplib may answer it with an error of its own
                # The text of an error may hold the mail's own.
                log.warning("mail_failed", subject=mail.subject, error=type(error).__name__)
                if attempt < ATTEMPTS:
                    await self._pause(PAUSE_SECONDS * attempt)
            else:
                heed_cancellation()
                return
