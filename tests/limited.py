"""Clients behind a declared proxy: addresses, operations, and the check of a refusal."""

import httpx

from tests.client import Api

HERE = {"x-forwarded-for": "203.0.113.7"}
THERE = {"x-forwarded-for": "203.0.113.8"}
SIGN_IN = """mutation($email: String!, $password: String!) {
  signIn(input: {email: $email, password: $password}) { session { id: accessToken } }
}"""
RESET = """mutation($email: String!) {
  requestPasswordReset(input: {email: $email}) { accepted errors { code } }
}"""
BY_TOKEN = """mutation($token: String!) {
  resetPassword(input: {token: $token, newPassword: "short"}) { errors { code } }
}"""
SIGN_UP = """mutation($email: String!) {
  signUp(input: {name: "Ada", email: $email, password: "a long passphrase"}) { errors { code } }
}"""


async def post(
    api: Api, query: str, headers: dict[str, str], **variables: object
) -> httpx.Response:
    return await api.http.post(
        "/graphql", json={"query": query, "variables": variables}, headers=headers
    )


def assert_limited(response: httpx.Response) -> None:
    assert response.status_code == 429
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
    seconds = error["extensions"]["retryAfterSeconds"]
    assert response.headers["retry-after"] == str(seconds)
    assert 1 <= seconds <= 3600
