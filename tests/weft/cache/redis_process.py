"""A Redis process that a test can pause."""

import signal

from tests.weft.changes.site import RedisServer


class StoppableRedis(RedisServer):
    """A Redis that can be killed and started, and paused and resumed at any moment."""

    def pause(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        if self._process is not None:
            self.resume()
        await super().kill()
