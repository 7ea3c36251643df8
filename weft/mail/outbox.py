"""A queue of mails: posted without waiting, delivered one after another in the background.

A failed mail waits for its retry beside the queue, and a slow one is delivered beside it, so they
do not hold up the mails behind them. Mails that wait when the process stops are lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

import structlog

from weft.cancellation import cancellable
from weft.mail.mail import Deliver, Mail, MailRefused

WAITING = 1_000
AT_ONCE = 8
SLOW_SECONDS = 1.0
ATTEMPTS = 3
PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Outbox:
    """Each process has one. `pause` is awaited before a mail is retried."""

    def __init__(
        self, deliver: Deliver, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._deliver = deliver
        self._pause = pause
        self._queue = asyncio.Queue[tuple[Mail, int]]()  # with the attempt, from 1
        self._held = 0  # in the queue, being delivered, or pausing
        self._places = asyncio.Semaphore(AT_ONCE)

    def post(self, mail: Mail) -> None:
        """Queues a mail; never waits. If there is no room it is dropped, which is logged."""
        if self._held >= WAITING:
            log.error("mail_dropped", subject=mail.subject)
            return
        self._held += 1
        self._queue.put_nowait((mail, 1))

    async def run(self) -> Never:
        """Delivers mails until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                mail, attempt = await self._queue.get()
                await self._places.acquire()
                sending = group.create_task(self._send(group, mail, attempt))
                await asyncio.wait({sending}, timeout=SLOW_SECONDS)

    async def _send(self, group: asyncio.TaskGroup, mail: Mail, attempt: int) -> None:
        try:
            is_done = await self._is_done(mail)
        finally:
            self._places.release()
        if is_done or attempt == ATTEMPTS:
            self._held -= 1
        else:
            group.create_task(self._try_again(mail, attempt))

    async def _try_again(self, mail: Mail, attempt: int) -> None:
        await self._pause(PAUSE_SECONDS * attempt)
        self._queue.put_nowait((mail, attempt + 1))

    async def _is_done(self, mail: Mail) -> bool:
        """Tries once; returns False if the mail should be retried."""
        try:
            await cancellable(self._deliver(mail))
        except MailRefused as refused:
            log.error("mail_refused", subject=mail.subject, code=refused.code)
        except Exception as error:
            # The text of an error may contain the mail's text.
            log.warning("mail_failed", subject=mail.subject, error=type(error).__name__)
            return False
        return True
