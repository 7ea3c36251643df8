"""Sends GraphQL requests over HTTP, for tests of the transport."""

from typing import Any

import httpx

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


async def post(client: httpx.AsyncClient, accept: str = GRAPHQL, **body: Any) -> httpx.Response:
    return await client.post("/graphql", json=body, headers={"accept": accept})


async def post_raw(
    client: httpx.AsyncClient, body: bytes, content_type: str = JSON, **headers: str
) -> httpx.Response:
    return await client.post(
        "/graphql", content=body, headers={"content-type": content_type, **headers}
    )


def only_error(response: httpx.Response) -> dict[str, Any]:
    answer = response.json()
    assert "data" not in answer
    (error,) = answer["errors"]
    return error
