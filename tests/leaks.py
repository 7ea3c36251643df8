"""Looks through all that is logged while the tests run, for what must not be in any log.

By the tests' own processes, by the servers that they start (`server_log`), by PostgreSQL and Redis.
"""

import logging
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from weft.telemetry.logs import configure_logs

# Written apart from what masks them.
SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}"  # a token
    r"|\$argon2"  # a password's hash
    r"|\bBearer +[\w-]{8}"
    r"|passphrase|hunter2|correct horse"  # the passwords of the tests
    r"|[\w.+-]+@[\w-]+\.\w"  # an e-mail address
    r"|://[^\s:/@]+:[^*\s@/][^\s@/]*@"  # a password in a URL
    r"|a secret of the tests"  # what signs their tokens
)


def leaks(text: str) -> list[str]:
    return [found.group() for found in SECRETS.finditer(text)]


SERVERS_DIRECTORY = "WEFT_TESTS_SERVERS"
"""The variable that says where all servers of this run have their data and logs."""


def server_log() -> IO[bytes]:
    """Where a server that a test starts writes its log: a file that is searched, and then gone."""
    directory = os.environ[SERVERS_DIRECTORY]
    return tempfile.NamedTemporaryFile(
        dir=directory, prefix=f"{os.getpid()}-", suffix=".log", delete=False
    )


def logs_of_servers() -> list[Path]:
    """What the servers have written that tests of this process have started."""
    return list(Path(os.environ[SERVERS_DIRECTORY]).glob(f"{os.getpid()}-*.log"))


class FileWatch:
    """Searches logs on disk for what they should not have, each line once."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._searched: dict[Path, int] = {}

    def leaks(self) -> list[str]:
        """The lines since the last call that should not have been written."""
        found: list[str] = []
        for path in Path(os.environ[SERVERS_DIRECTORY]).glob(self._pattern):
            with path.open("rb") as log:
                log.seek(self._searched.get(path, 0))
                lines = log.read().decode(errors="replace").splitlines()
                self._searched[path] = log.tell()
            found += [line for line in lines if leaks(line)]
        return found


class LogWatch(logging.Handler):
    """Formats every record as the server would, and keeps what it should not have written."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.records = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.records += 1
        text = self.format(record)
        if leaks(text):
            self.found.append(text)

    @classmethod
    def installed(cls) -> "LogWatch":
        """One that hears of everything from now on; logs are configured as a server's."""
        configure_logs("info", "json")
        root = logging.getLogger()
        watch = cls()
        watch.setFormatter(root.handlers[0].formatter)
        root.addHandler(watch)
        return watch
