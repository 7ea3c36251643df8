"""An Authorization header without a token, as sent by clients that follow Apollo's documentation.

It has `authorization: token ? `Bearer ${token}` : ""`, in the link for HTTP and for sockets.
"""

import asyncpg
import pytest

from tests.api.test_cookies import (
    CREDENTIALS,
    SIGN_IN,
    SIGN_UP,
    VIEWER,
    Browser,
    ada,
    api,
    browser,
)
from tests.api.test_documents import registered
from tests.client import Api
from tests.sockets import address_of, connecting, listening

__all__ = ["ada", "api", "browser"]

EMPTY = pytest.mark.parametrize("empty", ["", " ", "Bearer", "Bearer ", "bearer"])


@EMPTY
class TestEmptyAuthorization:
    async def test_empty_authorization_allows_sign_up_and_sign_in(
        self, api: Api, empty: str
    ) -> None:
        headers = {"authorization": empty}
        for mutation, more in ((SIGN_UP, {"name": "Ada"}), (SIGN_IN, {})):
            body = {"query": mutation, "variables": {"input": CREDENTIALS | more}}
            response = await api.http.post("/graphql", json=body, headers=headers)
            ((_, payload),) = response.json()["data"].items()
            assert payload["errors"] == []
            assert payload["session"]["accessToken"]

    async def test_empty_authorization_opens_an_anonymous_socket(
        self, api: Api, empty: str
    ) -> None:
        async with (
            listening(api.app) as server,
            connecting(f"ws://{address_of(server)}/graphql") as socket,
        ):
            await socket.open(authorization=empty)
            await socket.subscribe("1", VIEWER)
            assert (await socket.receive())["payload"]["data"] == {"viewer": None}

    async def test_empty_authorization_leaves_the_session_to_cookies(
        self, ada: Browser, empty: str
    ) -> None:
        headers = {"authorization": empty, "x-session": "cookie"}
        response = await ada.send(json={"query": VIEWER}, headers=headers)
        assert response.json()["data"]["viewer"] == {"email": "ada@example.com"}

    async def test_empty_authorization_does_not_replace_the_session_header(
        self, ada: Browser, empty: str
    ) -> None:
        response = await ada.send(json={"query": VIEWER}, headers={"authorization": empty})
        assert response.json()["errors"][0]["extensions"]["code"] == "SESSION_HEADER_MISSING"

    async def test_empty_authorization_gets_a_publicly_cacheable_response(
        self, api: Api, connection: asyncpg.Connection, empty: str
    ) -> None:
        params = {"documentId": await registered(connection)}
        headers = {"authorization": empty}
        answer = await api.http.get("/graphql", params=params, headers=headers)
        assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"


@pytest.mark.parametrize("wrong", ["Basic", "Basic YTpi", "Token abc", "Bearer undefined", "abc"])
async def test_other_authorization_without_a_token_is_refused(api: Api, wrong: str) -> None:
    headers = {"authorization": wrong}
    response = await api.http.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
