"""The limit on the bytes of a response, with the whole server and long texts stored."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock

LIMIT = 65_536
ITEMS = """INSERT INTO items (owner_id, title, description, status, created_at, updated_at)
  SELECT $1, 'Item ' || n, repeat('x', 10000), 'PUBLISHED', now(), now()
  FROM generate_series(1, 10) n"""
NESTED = "{ items(first: 10) { nodes { owner { items(first: 10) { nodes { description } } } } } }"


@pytest.fixture
async def api(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Api]:
    mine = settings.model_copy(update={"answer_limit_bytes": LIMIT})
    clock = Clock()
    async with Api(create_app(mine, now=clock), mine, connection, clock, []) as api:
        yield api


class TestAnswer:
    async def test_answer_is_refused_beyond_the_limit_and_given_below_it(self, api: Api) -> None:
        owner_id = await api.connection.fetchval(
            "INSERT INTO users (name, email, created_at) VALUES ('A', 'a@b.test', now())"
            " RETURNING id"
        )
        await api.connection.execute(ITEMS, owner_id)
        for query in (NESTED, NESTED.replace("first: 10)", "first: 7)")):
            answer = (await api.http.post("/graphql", json={"query": query})).json()
            assert answer["data"] is None
            assert answer["errors"][0]["extensions"]["code"] == "RESPONSE_TOO_LARGE"
        less = NESTED.replace("first: 10)", "first: 2)")
        answer = (await api.http.post("/graphql", json={"query": less})).json()
        assert "errors" not in answer
