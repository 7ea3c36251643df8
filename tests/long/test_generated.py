"""Valid and invalid operations that schemathesis generates from the schema never get a 5xx.

`make schemathesis` runs it alone.
"""

import asyncio
import itertools
import os
from collections import Counter
from typing import Any, Self

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from cli import SDL
from settings import Settings
from tests.client import Api
from tests.hostile.corpus import encoded
from tests.long.pieces import PIECES, in_pieces
from tests.processes import serving
from tests.waiting import PATIENCE_SECONDS

REQUESTS = int(os.environ.get("WEFT_GENERATED", "8000")) // PIECES
DATES = st.datetimes(timezones=st.timezones() | st.none()).map(lambda date: date.isoformat())
REQUESTS_AT_ONCE = 10
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
GARBAGE_IDS = st.sampled_from(["", "1", "\x7f", "é", encoded("Item:9"), encoded("User:-1")])


class Client:
    """Sends generated operations with one of the tokens, and counts the error codes."""

    def __init__(self, url: str, tokens: list[str | None]) -> None:
        self.url = url
        self.tokens = tokens
        self.http = httpx.Client(timeout=PATIENCE_SECONDS)
        self.requests = 0
        self.answers = Counter[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def send(self, body: dict[str, Any], token: str | None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = self.http.post(self.url, json=body, headers=headers)
        assert response.status_code < 500, response.text
        answer = response.json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert "INTERNAL_SERVER_ERROR" not in codes, (body, response.text)
        self.requests += 1
        self.answers.update(set(codes) or {"answered"})


def generate(client: Client, ids: list[str]) -> None:
    """Sends as many valid as invalid operations for each root field, up to REQUESTS or more."""
    schemathesis.graphql.scalar("DateTime", (DATES | st.text()).map(nodes.String))
    schemathesis.graphql.scalar("ID", (st.sampled_from(ids) | GARBAGE_IDS).map(nodes.String))
    schema = schemathesis.graphql.from_path(SDL)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 20
    # Last, since a signed-out token can try nothing more.
    operations.sort(key=lambda operation: "signOut" in operation.label)
    while client.requests < REQUESTS:
        for operation, mode in itertools.product(operations, MODES):
            _send_many(client, operation.as_strategy(generation_mode=mode))


def _send_many(client: Client, cases: st.SearchStrategy[Any]) -> None:
    @settings(
        max_examples=REQUESTS_AT_ONCE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(cases, st.sampled_from(client.tokens))
    def send(case: Any, token: str | None) -> None:
        client.send({"query": case.body}, token)

    send()


@in_pieces
async def test_generated_operations_never_get_a_5xx(
    piece: int, api: Api, settings: Settings
) -> None:
    ada, admin = await api.user("Ada"), await api.user("Root", admin=True)
    victims = [await api.user(f"User {number}") for number in range(5)]
    items = [await api.item(owner) for owner in (ada, *victims)]
    ids = [*(victim.id for victim in victims), *items]
    async with serving(settings) as process:
        with Client(process.url, [None, ada.token, admin.token]) as client:
            await asyncio.to_thread(generate, client, ids)
    # Some are executed, and some are refused.
    assert client.answers["answered"] > REQUESTS / 10
    assert client.answers["GRAPHQL_VALIDATION_FAILED"] > REQUESTS / 10
