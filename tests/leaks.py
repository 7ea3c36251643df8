"""Looks through all that is logged while the tests run, for what must not be in any log."""

import logging
import re

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
