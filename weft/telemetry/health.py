"""Health over HTTP: whether the process answers, and whether what it needs is available."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import JSONResponse

Check = Callable[[], Awaitable[None]]
"""Returns if what it checks is healthy; raises any exception if not."""

Detail = Callable[[], Awaitable[object]]
"""Returns what it reads, as JSON."""

METHODS = ["GET", "HEAD"]
"""Many monitors send HEAD; the server then leaves the body out."""
TIMEOUT_SECONDS = 2.0
LESSER_TIMEOUT_SECONDS = 0.5
"""Short, so that an orchestrator that waits for a second gets the response."""
FRESH_SECONDS = 1.0
"""How long a result is reused for other requests."""
OK, FAILED = "ok", "failed"
UNCACHED = {"cache-control": "no-store"}

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The result of one round of checks; `at` is by the clock of `Readiness`."""

    at: float
    is_ready: bool
    answer: dict[str, Any]


class Readiness:
    """Runs all checks at once, each for `timeout_seconds` at most, `lesser` ones shorter.

    The process is ready if all `checks` pass. It is degraded if it is ready and a `lesser` check,
    of something that it can do without, fails. However many requests there are, one round of checks
    is under way at a time, which all of them share; its result is reused for `FRESH_SECONDS` more.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        details: Mapping[str, Detail],
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        lesser: Mapping[str, Check] | None = None,
    ) -> None:
        self._checks = checks
        self._details = details
        self._lesser = lesser or {}
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._found: Found | None = None
        self._round: asyncio.Task[Found] | None = None

    async def find(self) -> Found:
        """Returns a result that is at most `FRESH_SECONDS` old."""
        if self._found is not None and self._clock() - self._found.at < FRESH_SECONDS:
            return self._found
        if self._round is None:
            self._round = asyncio.create_task(self._look())
        # A request that is cancelled must not cancel the round of the others.
        return await asyncio.shield(self._round)

    async def _look(self) -> Found:
        try:
            seconds = self._timeout_seconds
            checks, lesser, details = await asyncio.gather(
                _states(self._checks, seconds),
                _states(self._lesser, min(seconds, LESSER_TIMEOUT_SECONDS)),
                asyncio.gather(*(_detail(detail, seconds) for detail in self._details.values())),
            )
            is_ready = all(state == OK for state in checks.values())
            answer = {
                "ready": is_ready,
                "degraded": is_ready and any(state != OK for state in lesser.values()),
                "checks": checks,
                "details": lesser | dict(zip(self._details, details, strict=True)),
            }
            self._found = Found(self._clock(), is_ready, answer)
            return self._found
        finally:
            self._round = None


def router(
    checks: Mapping[str, Check],
    details: Mapping[str, Detail] | None = None,
    lesser: Mapping[str, Check] | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> APIRouter:
    """Returns routes for an orchestrator.

    `/health/live` answers 200 as long as the process answers at all. `/health/ready` answers the
    result of `Readiness`, 200 if all `checks` passed and 503 if not: `{"ready": false, "degraded":
    false, "checks": {"reading": "failed"}, "details": {}}`. Why a check failed is in the log, not
    in the response. The `details` are for people to read: the results of `lesser` checks and the
    values of `details`, null where one is not available. None of them makes the server unready.
    """
    health = APIRouter(prefix="/health", tags=["health"])
    readiness = Readiness(checks, details or {}, timeout_seconds, lesser=lesser)

    @health.api_route("/live", methods=METHODS)
    async def live() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Whether the process answers."""
        return JSONResponse({"live": True}, headers=UNCACHED)

    @health.api_route("/ready", methods=METHODS)
    async def ready() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Whether all checks of readiness passed."""
        found = await readiness.find()
        return JSONResponse(found.answer, 200 if found.is_ready else 503, headers=UNCACHED)

    return health


async def _states(checks: Mapping[str, Check], timeout_seconds: float) -> dict[str, str]:
    well = await asyncio.gather(
        *(_is_well(name, check, timeout_seconds) for name, check in checks.items())
    )
    return {name: OK if one else FAILED for name, one in zip(checks, well, strict=True)}


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
