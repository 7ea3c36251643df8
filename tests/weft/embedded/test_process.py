"""Stopping a server process, whatever state it is in."""

import signal
from pathlib import Path

from weft.embedded.process import EmbeddedProcess, stop


def sleeping_server(directory: Path, *, times_without_pid: int) -> EmbeddedProcess:
    """Returns a server whose pid is unknown the first `times_without_pid` times it is read."""
    asked = 0

    def pid(directory: Path) -> int | None:
        nonlocal asked
        asked += 1
        return None if asked <= times_without_pid else int((directory / "pid").read_text())

    server = EmbeddedProcess(
        name="Sleep",
        directory=directory,
        socket=directory / "socket",
        account=None,
        launch=lambda server: server.run(["sh", "-c", "sleep 1000 & echo $! > pid"]),
        pid_if_ready=pid,
        pid=pid,
        stop_signals=(signal.SIGTERM,),
    )
    server.launch(server)
    return server


class TestStop:
    def test_stop_reaches_a_server_that_has_only_just_been_started(self, tmp_path: Path) -> None:
        server = sleeping_server(tmp_path, times_without_pid=3)
        assert server.is_alive()
        stop([server])
        assert not server.is_alive()
