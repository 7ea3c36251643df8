"""Sends bytes in pieces on a connection in this process, and records what the server does."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from structlog.testing import capture_logs

from tests.parsers.connection import Pipe
from tests.parsers.recorder import Call, Recorder
from tests.parsers.server import Server
from tests.waiting import PATIENCE_SECONDS

REST_TURNS = 8
"""A server is idle if it does nothing for this number of turns of the event loop."""


class Line(Pipe):
    """A connection that is lost once it is closed; it delivers nothing while reading is paused.

    `half_closes`: one side can be closed alone, as with TCP, but not with TLS.
    """

    def __init__(self, *, half_closes: bool) -> None:
        super().__init__()
        self._half_closes = half_closes
        self._is_paused = False

    def can_write_eof(self) -> bool:
        return self._half_closes

    def is_ended(self) -> bool:
        """Whether the server has ended its side: it writes nothing more."""
        return self._ended or self.is_closing()

    def close(self) -> None:
        if not self.is_closing():
            super().close()
            asyncio.get_running_loop().call_soon(self._lose)

    def abort(self) -> None:
        self.close()

    def _lose(self) -> None:
        self.protocol.connection_lost(None)

    def hang_up(self) -> None:
        """Closes the connection from the client's side."""
        if not self.is_closing():
            self.protocol.eof_received()
            self.close()

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False

    def is_reading(self) -> bool:
        return not self._is_paused and not self.is_closing()


@dataclass(frozen=True)
class Conversation:
    """The result of sending some bytes. `is_closed`: the server closed before the client did."""

    calls: tuple[Call, ...]
    written: bytes
    is_closed: bool


class Conversations:
    """A server with a recorder as application, in its own event loop; `is_ours` as in `Server`."""

    def __init__(self, *, is_ours: bool = True) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_ours = is_ours
        self.fresh()

    def fresh(self) -> None:
        """Starts another server, which knows nothing of earlier requests."""
        self._recorder = Recorder()
        self._server = Server(self._recorder, is_ours=self._is_ours)

    def run(self, pieces: Sequence[bytes], *, waits: bool) -> Conversation:
        """Sends the pieces on a new connection. Raises if an error is logged.

        `waits`: each piece is sent only when the server is idle.
        """
        with _errors() as errors:
            self._loop.set_exception_handler(lambda _, context: errors.append(str(context)))
            asyncio.set_event_loop(self._loop)
            conversation = self._loop.run_until_complete(self._run(pieces, waits))
        assert not errors, "\n".join(errors)
        return conversation

    def end(self) -> None:
        """Closes the loop."""
        self._loop.close()

    async def _run(self, pieces: Sequence[bytes], waits: bool) -> Conversation:
        self._recorder.begin()
        line = Line(half_closes=waits)
        line.protocol = self._server.new_protocol()
        line.protocol.connection_made(line)
        for piece in pieces:
            if not line.is_reading():
                await self._rest(line)
            if not line.is_reading():
                break
            line.protocol.data_received(piece)
            if waits:
                await self._rest(line)
            else:
                await asyncio.sleep(0)
        await self._rest(line)
        is_closed, written = line.is_ended(), bytes(line.written)
        line.hang_up()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._server.tasks:
                await asyncio.wait(set(self._server.tasks))
        await asyncio.sleep(0)
        assert bytes(line.written) == written or not is_closed
        assert not self._server.open_connections
        return Conversation(tuple(self._recorder.calls), written, is_closed)

    async def _rest(self, line: Line) -> None:
        before: Any = None
        turns = 0
        while turns < REST_TURNS:
            await asyncio.sleep(0)
            now = (self._recorder.steps, len(line.written), line.is_reading(), line.is_ended())
            turns = turns + 1 if now == before else 0
            before = now


class _Errors(logging.Handler):
    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(self.format(record))


@contextmanager
def _errors() -> Generator[list[str]]:
    """Collects everything logged as an error, by logging or structlog."""
    errors: list[str] = []
    handler = _Errors(errors)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with capture_logs() as captured:
            yield errors
        errors += [str(entry) for entry in captured if entry["log_level"] in ("error", "critical")]
    finally:
        root.removeHandler(handler)
