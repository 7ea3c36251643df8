"""How long PostgreSQL is waited for."""

from dataclasses import dataclass

from weft.postgres.connection import CONNECT_SECONDS


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How long PostgreSQL is waited for before a connection is given up."""

    connect_seconds: float = CONNECT_SECONDS
    """For a new connection, and again for the first statements on it."""
    grace_seconds: float = 1.0
    """How much longer than PostgreSQL's own time-out a statement may be without an answer."""
    rollback_seconds: float = 1.0
    """For a ROLLBACK, which has nothing to do; and for the statement to be cancelled before it."""
    look_seconds: float = 0.25
    """How often all connections are looked at."""
    busy_seconds: float = 5.0
    """How long all connections of a pool may be busy without one answer while the pool counts as
    serving."""

    def answer_seconds(self, statement_timeout_ms: int) -> float:
        """How long a statement may be without an answer."""
        return statement_timeout_ms / 1000 + self.grace_seconds
