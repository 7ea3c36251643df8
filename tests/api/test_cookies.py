"""Browser sessions: cookies that no script can read and no other site can use."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pydantic import ValidationError
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from app import create_app
from settings import Settings
from tests.browser_session import (
    APP,
    CREATE,
    CREDENTIALS,
    EVIL,
    REFRESH_SESSION,
    SIGN_IN,
    SIGN_OUT,
    SIGN_UP,
    VIEWER,
    Browser,
)
from tests.client import Api, Clock
from tests.limited import assert_limited
from tests.sockets import Socket, connecting

ACCESS, REFRESH = "__Host-weft-access", "__Host-weft-refresh"


@pytest.fixture
async def api(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Api]:
    mine = settings.model_copy(
        update={"session_cookies": True, "cors_origins": [APP], "pages": False}
    )
    clock = Clock()
    async with Api(create_app(mine, now=clock), mine, connection, clock, []) as api:
        yield api


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api)


@pytest.fixture
async def ada(browser: Browser) -> Browser:
    """A signed-in browser."""
    answer = await browser.ask(SIGN_UP, name="Ada", **CREDENTIALS)
    assert answer["data"]["signUp"]["errors"] == []
    return browser


class TestCookies:
    @pytest.mark.parametrize("session", ["cookie", "renew"])
    async def test_sign_in_sets_cookies_and_returns_no_token(
        self, ada: Browser, session: str
    ) -> None:
        ada.cookies.clear()
        signed_in = (await ada.ask(SIGN_IN, session, **CREDENTIALS))["data"]["signIn"]
        assert signed_in["viewer"] == {"email": "ada@example.com"}
        assert signed_in["session"].pop("accessToken") == ""
        assert signed_in["session"].pop("refreshToken") == ""
        assert all(signed_in["session"].values())
        assert ada.cookies.keys() == {ACCESS, REFRESH}
        assert await ada.email() == "ada@example.com"

    async def test_sign_in_without_the_header_sets_no_cookies(self, ada: Browser) -> None:
        ada.cookies.clear()
        response = await ada.send(json={"query": SIGN_IN, "variables": {"input": CREDENTIALS}})
        assert response.json()["data"]["signIn"]["session"]["accessToken"].startswith("eyJ")
        assert "set-cookie" not in response.headers

    async def test_refused_concurrent_refresh_keeps_cookies(self, ada: Browser, api: Api) -> None:
        before = dict(ada.cookies)
        tabs = [Browser(api) for _ in range(5)]
        for tab in tabs:
            tab.cookies = dict(before)
        answers = await asyncio.gather(*(tab.ask(REFRESH_SESSION, "renew") for tab in tabs))
        payloads = [answer["data"]["refreshSession"] for answer in answers]
        refused = [payload["errors"] for payload in payloads if payload["errors"]]
        assert refused == [[{"code": "EXPIRED", "path": ["refreshToken"]}]] * 3
        changed = [tab for tab in tabs if tab.cookies[REFRESH] != before[REFRESH]]
        assert len(changed) == 2
        assert len({tab.cookies[REFRESH] for tab in changed}) == 2
        for tab in tabs:
            assert await tab.email() == "ada@example.com"

    async def test_cookies_stay_while_the_session_is_refreshed_too_often(
        self, ada: Browser, api: Api
    ) -> None:
        for _ in range(60):
            answer = await ada.ask(REFRESH_SESSION, "renew")
            assert answer["data"]["refreshSession"]["errors"] == []
        before = dict(ada.cookies)
        headers = {"x-session": "renew"}
        response = await ada.send(json={"query": REFRESH_SESSION}, headers=headers)
        assert_limited(response)
        assert ada.cookies == before
        assert await ada.email() == "ada@example.com"
        api.clock.ahead += timedelta(hours=1)
        refreshed = (await ada.ask(REFRESH_SESSION, "renew"))["data"]["refreshSession"]
        assert refreshed["errors"] == []

    async def test_failed_sign_in_sets_no_cookies(self, ada: Browser) -> None:
        ada.cookies.clear()
        wrong = CREDENTIALS | {"password": "another passphrase"}
        answer = await ada.ask(SIGN_IN, **wrong)
        assert answer["data"]["signIn"]["errors"][0]["code"] == "BAD_CREDENTIALS"
        assert ada.cookies == {}

    async def test_sign_out_clears_the_cookies(self, ada: Browser) -> None:
        before = dict(ada.cookies)
        assert (await ada.ask(SIGN_OUT))["data"]["signOut"]["signedOut"]
        assert ada.cookies == {}
        assert await ada.email() is None
        ada.cookies = before
        answer = await ada.ask(VIEWER)
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_refresh_renews_cookies_after_the_access_token_has_expired(
        self, ada: Browser, api: Api
    ) -> None:
        before = dict(ada.cookies)
        api.clock.ahead += timedelta(minutes=20)
        for query in (VIEWER, REFRESH_SESSION):
            answer = await ada.ask(query)
            assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        refreshed = (await ada.ask(REFRESH_SESSION, "renew"))["data"]["refreshSession"]
        assert refreshed["errors"] == []
        assert refreshed["session"]["refreshToken"] == ""
        assert all(ada.cookies[name] != before[name] for name in (ACCESS, REFRESH))
        assert await ada.email() == "ada@example.com"

    async def test_expired_session_clears_cookies_at_refresh(self, ada: Browser, api: Api) -> None:
        api.clock.ahead += timedelta(days=31)
        refreshed = (await ada.ask(REFRESH_SESSION, "renew"))["data"]["refreshSession"]
        assert refreshed["errors"] == [{"code": "EXPIRED", "path": ["refreshToken"]}]
        assert ada.cookies == {}

    async def test_authorization_header_overrides_cookies(self, ada: Browser, api: Api) -> None:
        bob = await api.user("Bob")
        headers = {"authorization": f"Bearer {bob.token}"}
        response = await ada.send(json={"query": "{ viewer { name } }"}, headers=headers)
        assert response.json()["data"]["viewer"] == {"name": "Bob"}

    async def test_event_streams_do_not_get_the_refresh_token(self, ada: Browser) -> None:
        headers = {"x-session": "renew", "accept": "text/event-stream"}
        response = await ada.send(json={"query": REFRESH_SESSION}, headers=headers)
        (line,) = [line for line in response.text.splitlines() if line.startswith("data: {")]
        answer = json.loads(line.removeprefix("data: "))
        assert answer["data"]["refreshSession"]["errors"][0]["code"] == "EXPIRED"

    async def test_cookies_are_ignored_if_the_setting_is_off(
        self, ada: Browser, api: Api, settings: Settings
    ) -> None:
        app = create_app(settings)
        async with Api(app, settings, api.connection, Clock(), []) as plain:
            other = Browser(plain)
            other.cookies = ada.cookies
            assert await other.email() is None

    @pytest.mark.parametrize("cookie", ["", "=", ";;", f"{ACCESS}", f"{ACCESS}=", "\xff=\xff;;=;"])
    async def test_garbage_cookies_give_no_viewer(self, browser: Browser, cookie: str) -> None:
        headers = {"x-session": "cookie", "cookie": cookie.encode("latin-1")}
        response = await browser.send(json={"query": VIEWER}, headers=headers)
        assert response.json()["data"] == {"viewer": None}

    @pytest.mark.parametrize("token", ["x", "a.b.c", "\xff", "x" * 50_000, 'eyJ"', "a b"])
    async def test_forged_access_tokens_are_refused(self, browser: Browser, token: str) -> None:
        headers = {"x-session": "cookie", "cookie": f"{ACCESS}={token}".encode("latin-1")}
        response = await browser.send(json={"query": VIEWER}, headers=headers)
        assert response.status_code == 401
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


class TestOtherSites:
    """Requests that a page of another origin can make the browser send, with the cookies."""

    @pytest.mark.parametrize(
        "request_",
        [
            {"json": {"query": CREATE}},
            {"content": json.dumps({"query": CREATE}), "headers": {"content-type": "text/plain"}},
            {"data": {"query": CREATE}},
            {"files": {"operations": json.dumps({"query": CREATE}), "map": "{}"}},
            {"method": "GET", "params": {"query": CREATE}},
            {"method": "GET", "params": {"query": VIEWER}},
            {"method": "GET", "params": {"query": VIEWER}, "headers": {"accept": "image/*,*/*"}},
            {
                "method": "GET",
                "params": {"query": "subscription { itemChanged { id } }"},
                "headers": {"accept": "text/event-stream"},
            },
        ],
    )
    async def test_requests_without_the_header_are_refused(
        self, ada: Browser, api: Api, request_: dict[str, Any]
    ) -> None:
        headers = {"origin": EVIL} | request_.get("headers", {})
        response = await ada.send(**request_ | {"headers": headers})
        assert response.status_code == 403
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "SESSION_HEADER_MISSING"
        assert "access-control-allow-origin" not in response.headers
        assert await api.connection.fetchval("SELECT count(*) FROM items") == 0

    async def test_followed_link_is_answered_as_anonymous(self, ada: Browser) -> None:
        headers = {"accept": "text/html,*/*;q=0.8"}
        response = await ada.send("GET", params={"query": VIEWER}, headers=headers)
        assert response.json()["data"] == {"viewer": None}

    async def test_other_origins_may_not_send_the_header(self, ada: Browser) -> None:
        asking = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-session",
        }
        refused = await ada.send("OPTIONS", headers={"origin": EVIL} | asking)
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers
        allowed = await ada.send("OPTIONS", headers={"origin": APP} | asking)
        assert allowed.headers["access-control-allow-origin"] == APP
        assert allowed.headers["access-control-allow-credentials"] == "true"
        assert "x-session" in allowed.headers["access-control-allow-headers"]

    async def test_allowed_origins_can_read_the_response(self, ada: Browser) -> None:
        headers = {"origin": APP, "x-session": "cookie"}
        response = await ada.send(json={"query": VIEWER}, headers=headers)
        assert response.json()["data"]["viewer"] == {"email": "ada@example.com"}
        assert response.headers["access-control-allow-origin"] == APP
        assert response.headers["access-control-allow-credentials"] == "true"

    @pytest.mark.parametrize("value", ["", "1", "Cookie", "cookie, cookie"])
    async def test_other_values_of_the_header_are_refused(self, ada: Browser, value: str) -> None:
        response = await ada.send(json={"query": VIEWER}, headers={"x-session": value})
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    def test_wildcard_origin_is_refused_with_session_cookies(self) -> None:
        with pytest.raises(ValidationError, match="CORS_ORIGINS must name"):
            Settings(session_cookies=True, cors_origins=["*"])


class TestSockets:
    async def email(self, socket: Socket) -> str | None:
        await socket.open()
        await socket.subscribe("1", VIEWER)
        viewer = (await socket.receive())["payload"]["data"]["viewer"]
        return viewer and viewer["email"]

    async def test_sockets_of_allowed_origins_use_the_cookies(self, ada: Browser, url: str) -> None:
        ours = "http" + url.removeprefix("ws").removesuffix("/graphql")
        for origin in (APP, ours):
            headers = {"cookie": ada.cookie}
            async with connecting(url, origin=Origin(origin), additional_headers=headers) as socket:
                assert await self.email(socket) == "ada@example.com"

    @pytest.mark.parametrize("origin", [EVIL, "null", "https://app.example.test.evil.example"])
    async def test_sockets_of_other_origins_are_refused(
        self, ada: Browser, url: str, origin: str
    ) -> None:
        headers = {"cookie": ada.cookie}
        connection = connecting(url, origin=Origin(origin), additional_headers=headers)
        with pytest.raises(InvalidStatus) as refused:
            await connection.__aenter__()
        assert refused.value.response.status_code == 403

    async def test_sockets_without_an_origin_are_anonymous(self, ada: Browser, url: str) -> None:
        for headers in ({}, {"origin": ""}):
            headers["cookie"] = ada.cookie
            async with connecting(url, additional_headers=headers) as socket:
                assert await self.email(socket) is None

    async def test_sign_out_closes_sockets(self, ada: Browser, url: str) -> None:
        headers = {"cookie": ada.cookie}
        async with connecting(url, origin=Origin(APP), additional_headers=headers) as socket:
            assert await self.email(socket) == "ada@example.com"
            await ada.ask(SIGN_OUT)
            assert (await socket.closed())[0] == 4403

    async def test_sockets_do_not_get_the_refresh_token(self, ada: Browser, url: str) -> None:
        headers = {"cookie": ada.cookie}
        async with connecting(url, origin=Origin(APP), additional_headers=headers) as socket:
            await socket.open()
            await socket.subscribe("1", REFRESH_SESSION)
            refreshed = (await socket.receive())["payload"]["data"]["refreshSession"]
            assert refreshed["errors"][0]["code"] == "EXPIRED"
