"""How long callers wait for the cache, and how long its parts live."""

from dataclasses import dataclass

LEASE_MARGIN_MS = 50
"""Added where the end of a lease is waited for, since clocks run at different speeds."""

LEASE_MS = 500
"""How long cached values may be used after the fences of all writes were last raised."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Time limits of callers, and lifetimes of what is in Redis."""

    read_ms: int = 50
    """How long readers wait for one reply."""
    raise_ms: int = 250
    """How long writers and the relay wait."""
    lease_ms: int = LEASE_MS
    breaker_ms: int = 250
    """How long Redis is not tried after a failure."""
    fence_seconds: int = 86_400
    """Lifetime of the version of all fences, and the longest of a fence; any length is safe."""
    connections: int = 2
