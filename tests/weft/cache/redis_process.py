"""A Redis that a test may also stop for a while."""

import signal

from tests.weft.changes.site import RedisServer


class StoppableRedis(RedisServer):
    """Killed, started again, stopped in the middle of whatever it does, and let go on."""

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
