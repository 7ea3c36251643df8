"""Health: live whatever happens, ready only if everything needed is."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS, until
from weft.telemetry import health


async def well() -> None:
    pass


async def broken() -> None:
    raise ConnectionError("secret-host is down")


async def stuck() -> None:
    await asyncio.Event().wait()


async def get(
    path: str,
    details: Mapping[str, health.Detail] | None = None,
    lesser: Mapping[str, health.Check] | None = None,
    **checks: health.Check,
) -> httpx.Response:
    app = FastAPI()
    app.include_router(health.router(checks, details, lesser, timeout_seconds=0.05))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://weft") as client:
        return await client.get(path)


class TestLive:
    async def test_live_needs_no_check(self) -> None:
        response = await get("/health/live", broken=broken, stuck=stuck)
        assert response.status_code == 200
        assert response.json() == {"live": True}


class TestReady:
    async def test_ready_answers_200_when_all_checks_pass(self) -> None:
        response = await get("/health/ready", first=well, second=well)
        assert response.status_code == 200
        assert response.json() == {
            "ready": True,
            "degraded": False,
            "checks": {"first": "ok", "second": "ok"},
            "details": {},
        }

    async def test_ready_answers_503_and_names_the_failed_check(self) -> None:
        response = await get("/health/ready", first=well, second=broken)
        assert response.status_code == 503
        assert response.json()["ready"] is False
        assert response.json()["checks"] == {"first": "ok", "second": "failed"}

    async def test_hanging_check_is_not_waited_for(self) -> None:
        response = await get("/health/ready", hanging=stuck)
        assert response.status_code == 503

    async def test_response_does_not_contain_the_error(self) -> None:
        assert "secret-host" not in (await get("/health/ready", check=broken)).text

    async def test_details_do_not_affect_readiness(self) -> None:
        async def lag_seconds() -> float:
            return 0.25

        details = {"lag_seconds": lag_seconds, "broken": broken, "stuck": stuck}
        response = await get("/health/ready", details, check=well)
        assert response.status_code == 200
        assert response.json()["details"] == {"lag_seconds": 0.25, "broken": None, "stuck": None}

    async def test_failed_lesser_check_makes_the_process_degraded(self) -> None:
        lesser = {"cache": broken, "search": stuck, "mail": well}
        response = await get("/health/ready", lesser=lesser, check=well)
        assert response.status_code == 200
        assert response.json() == {
            "ready": True,
            "degraded": True,
            "checks": {"check": "ok"},
            "details": {"cache": "failed", "search": "failed", "mail": "ok"},
        }

    async def test_process_that_is_not_ready_is_not_degraded(self) -> None:
        answer = (await get("/health/ready", lesser={"cache": broken}, check=broken)).json()
        assert (answer["ready"], answer["degraded"]) == (False, False)

    async def test_response_is_never_cached(self) -> None:
        assert (await get("/health/ready")).headers["cache-control"] == "no-store"


class Counted:
    """A check that counts its runs and ends once it is released."""

    def __init__(self) -> None:
        self.times = 0
        self.let_go = asyncio.Event()

    async def __call__(self) -> None:
        self.times += 1
        await self.let_go.wait()


class TestReadiness:
    async def test_one_round_of_checks_serves_all_requests(self) -> None:
        check, detail, now = Counted(), Counted(), [0.0]
        detail.let_go.set()
        readiness = health.Readiness(
            {"check": check}, {"detail": detail}, PATIENCE_SECONDS, lambda: now[0]
        )
        asking = [asyncio.create_task(readiness.find()) for _ in range(200)]
        await until(lambda: check.times == 1)
        asking[0].cancel()  # the request that began the round
        check.let_go.set()
        found = await asyncio.gather(*asking[1:])
        assert all(
            one.answer["checks"] == {"check": "ok"} and one.answer["details"] == {"detail": None}
            for one in found
        )
        now[0] = health.FRESH_SECONDS - 0.001
        await readiness.find()
        assert (check.times, detail.times) == (1, 1)
        now[0] = health.FRESH_SECONDS
        await asyncio.gather(*(readiness.find() for _ in range(200)))
        assert (check.times, detail.times) == (2, 2)

    async def test_failed_check_is_run_again(self) -> None:
        now, outcomes = [0.0], [broken, well]

        async def check() -> None:
            await outcomes.pop(0)()

        readiness = health.Readiness({"check": check}, {}, PATIENCE_SECONDS, lambda: now[0])
        assert not (await readiness.find()).is_ready
        assert not (await readiness.find()).is_ready
        now[0] += health.FRESH_SECONDS
        assert (await readiness.find()).is_ready


class TestHead:
    """HEAD is what many monitors send."""

    def test_head_is_served_wherever_get_is(self) -> None:
        for route in health.router({}, timeout_seconds=1).routes:
            assert isinstance(route, APIRoute)
            assert route.methods == {"GET", "HEAD"}

    @pytest.mark.parametrize(
        ("path", "status"), [("/health/live", 200), ("/health/ready", 503), ("/health/no", 404)]
    )
    async def test_head_is_answered_as_get_without_a_body(self, path: str, status: int) -> None:
        app = FastAPI()
        app.include_router(health.router({"check": broken}, timeout_seconds=PATIENCE_SECONDS))
        async with (
            listening(app) as server,
            httpx.AsyncClient(base_url=f"http://{address_of(server)}") as client,
        ):
            got, head = await client.get(path), await client.head(path)
        assert (got.status_code, head.status_code) == (status, status)
        assert (bool(got.content), head.content) == (True, b"")
        for name in ("content-type", "content-length", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name)
