"""Slow statements, logged."""

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


def log_slow_statements(slow_ms: int) -> Callable[[str, float], None]:
    """A function to be told of every statement and its seconds, which logs those over `slow_ms`.

    The text has placeholders where the values are, so no value is logged.
    """

    def observe(statement: str, seconds: float) -> None:
        if seconds * 1000 >= slow_ms:
            log.warning("slow_statement", statement=statement, duration_ms=round(seconds * 1000))

    return observe
