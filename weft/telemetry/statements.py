"""Logging of slow statements."""

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


def log_slow_statements(slow_ms: int) -> Callable[[str, float], None]:
    """Returns an observer that logs each statement that took `slow_ms` or longer.

    The text has placeholders where the values are, so no value is logged.
    """

    def observe(statement: str, seconds: float) -> None:
        if seconds * 1000 >= slow_ms:
            log.warning("slow_statement", statement=statement, duration_ms=round(seconds * 1000))

    return observe
