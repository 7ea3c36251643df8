"""How long the cache is waited for, and how long its parts live."""

from dataclasses import dataclass

LEASE_MARGIN_MS = 50
"""How much longer a lease is waited for: clocks do not all run at the same speed."""

LEASE_MS = 500
"""How long cached values count after all writes were last known."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How long the cache is waited for, and how long its parts live."""

    read_ms: int = 50
    """How long readers wait for one answer."""
    raise_ms: int = 250
    """How long writers wait, and the relay."""
    lease_ms: int = LEASE_MS
    breaker_ms: int = 250
    """How long nobody asks again after a failure."""
    fence_seconds: int = 86_400
    """How long the version of all fences is kept, and a fence at most; any length is safe."""
    connections: int = 2
