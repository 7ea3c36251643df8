"""Health over HTTP: whether the process lives, and whether what it needs is there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from fastapi import APIRouter
from fastapi.responses import JSONResponse

Check = Callable[[], Awaitable[None]]
"""Returns if what it looks at is well; raises whatever if not."""

Detail = Callable[[], Awaitable[object]]
"""What it looks at, as JSON."""

METHODS = ["GET", "HEAD"]
"""Many monitors send HEAD; the server leaves the body out then."""

log = logging.getLogger(__name__)


def router(
    checks: Mapping[str, Check],
    details: Mapping[str, Detail] | None = None,
    *,
    timeout_seconds: float,
) -> APIRouter:
    """Routes for an orchestrator.

    `/health/live` answers 200 as long as the process answers at all. `/health/ready` runs all
    checks at once, each for `timeout_seconds` at most, and answers 200 if all went well and 503 if
    not: `{"ready": false, "checks": {"redis": "ok", "database": "failed"}, "details": {}}`. Why a
    check failed is in the log, not in the answer. The `details` are for people to read: nothing
    depends on them, and one that cannot be had is null.
    """
    health = APIRouter(prefix="/health", tags=["health"])

    @health.api_route("/live", methods=METHODS)
    async def live() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Whether the process answers."""
        return JSONResponse({"live": True}, headers={"cache-control": "no-store"})

    @health.api_route("/ready", methods=METHODS)
    async def ready() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Whether the server can do its work."""
        outcomes = await asyncio.gather(
            *(_is_well(name, check, timeout_seconds) for name, check in checks.items())
        )
        looked_up = await asyncio.gather(
            *(_detail(detail, timeout_seconds) for detail in (details or {}).values())
        )
        answer = {
            "ready": all(outcomes),
            "checks": {
                name: "ok" if well else "failed"
                for name, well in zip(checks, outcomes, strict=True)
            },
            "details": dict(zip(details or {}, looked_up, strict=True)),
        }
        return JSONResponse(
            answer, status_code=200 if all(outcomes) else 503, headers={"cache-control": "no-store"}
        )

    return health


async def _is_well(name: str, check: Check, timeout_seconds: float) -> bool:
    try:
        async with asyncio.timeout(timeout_seconds):
            await check()
    except Exception:
        log.warning("The health check %s failed.", name, exc_info=True)
        return False
    return True


async def _detail(detail: Detail, timeout_seconds: float) -> object:
    with suppress(Exception):
        async with asyncio.timeout(timeout_seconds):
            return await detail()
    return None
