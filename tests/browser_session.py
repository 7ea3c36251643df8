"""A browser with a session in cookies, and the operations of the tests."""

from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.client import Api

APP = "https://app.example.test"
EVIL = "https://evil.example"
CREDENTIALS = {"email": "ada@example.com", "password": "a long passphrase"}
PAYLOAD = """{ session { accessToken refreshToken accessTokenExpiresAt refreshTokenExpiresAt }
  viewer { email } errors { code path } }"""
SIGN_UP = f"mutation ($input: SignUpInput!) {{ signUp(input: $input) {PAYLOAD} }}"
SIGN_IN = f"mutation ($input: SignInInput!) {{ signIn(input: $input) {PAYLOAD} }}"
REFRESH_SESSION = f'mutation {{ refreshSession(input: {{refreshToken: ""}}) {PAYLOAD} }}'
SIGN_OUT = "mutation { signOut { signedOut } }"
CREATE = 'mutation { createItem(input: {title: "Mine"}) { item { id } } }'
VIEWER = "{ viewer { email } }"


class Browser:
    """Keeps cookies as a browser does, and sends them with every request."""

    def __init__(self, api: Api) -> None:
        self.cookies: dict[str, str] = {}
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(api.app), base_url="https://api.example.test"
        )

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def send(self, method: str = "POST", **request: Any) -> httpx.Response:
        headers = {"cookie": self.cookie} | request.pop("headers", {})
        response = await self.http.request(method, "/graphql", headers=headers, **request)
        self.http.cookies.clear()
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                assert (morsel["secure"], morsel["httponly"], morsel["path"]) == (True, True, "/")
                assert (morsel["samesite"], morsel["domain"]) == ("Strict", "")
                if int(morsel["max-age"]) > 0:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return response

    async def ask(self, query: str, session: str = "cookie", **input: str) -> dict[str, Any]:
        body = {"query": query, "variables": {"input": input}}
        return (await self.send(json=body, headers={"x-session": session})).json()

    async def email(self) -> str | None:
        viewer = (await self.ask(VIEWER))["data"]["viewer"]
        return viewer and viewer["email"]
