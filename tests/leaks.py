"""Searches everything that is logged during the tests for secrets.

That is the logs of the test processes, of the servers that they start (`server_log`), of PostgreSQL
and of Redis.
"""

import logging
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from weft.telemetry.logs import configure_logs

# Written independently of the code that masks secrets.
SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}"  # a token
    r"|\$argon2"  # a password's hash
    r"|\bBearer +[\w-]{8}"
    r"|passphrase|hunter2|correct horse"  # the passwords of the tests
    r"|[\w.+-]+@[\w-]+\.\w"  # an e-mail address
    r"|://[^\s:/@]+:[^*\s@/][^\s@/]*@"  # a password in a URL
    r"|a secret of the tests"  # the secret that signs their tokens
)


def leaks(text: str) -> list[str]:
    return [found.group() for found in SECRETS.finditer(text)]


SERVERS_DIRECTORY = "WEFT_TESTS_SERVERS"
"""The environment variable with the directory for data and logs of all servers of this run."""


def server_log() -> IO[bytes]:
    """Creates the log file of a server that a test starts; it is searched, then deleted."""
    directory = os.environ[SERVERS_DIRECTORY]
    return tempfile.NamedTemporaryFile(
        dir=directory, prefix=f"{os.getpid()}-", suffix=".log", delete=False
    )


def logs_of_servers() -> list[Path]:
    """Returns the log files of servers that tests of this process have started."""
    return list(Path(os.environ[SERVERS_DIRECTORY]).glob(f"{os.getpid()}-*.log"))


class FileWatch:
    """Searches log files for secrets, each line once."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._searched: dict[Path, int] = {}

    def leaks(self) -> list[str]:
        """Returns the lines with secrets written since the last call."""
        found: list[str] = []
        for path in Path(os.environ[SERVERS_DIRECTORY]).glob(self._pattern):
            with path.open("rb") as log:
                log.seek(self._searched.get(path, 0))
                lines = log.read().decode(errors="replace").splitlines()
                self._searched[path] = log.tell()
            found += [line for line in lines if leaks(line)]
        return found


class LogWatch(logging.Handler):
    """Formats every record as the server would; collects those with secrets in `found`."""

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
        """Configures logging as in a server; returns a watch that gets all records from now on."""
        configure_logs("info", "json")
        root = logging.getLogger()
        watch = cls()
        watch.setFormatter(root.handlers[0].formatter)
        root.addHandler(watch)
        return watch
