"""Clients that others wrote, as they are: they must come back by themselves."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.api import Api, Member
from tests.clients.node import told_by
from tests.sockets import PATIENCE_SECONDS, address_of, listening
from weft.auth.tokens import AccessTokens

QUERY = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"


async def line(output: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(output.readline(), PATIENCE_SECONDS)).decode().strip()


class TestGraphqlWs:
    async def test_comes_back_with_a_fresh_token_and_its_cursor(
        self, api: Api, packages: Path
    ) -> None:
        owner = await api.user()
        tokens = AccessTokens(
            key_id=api.settings.secret_key_id,
            secret=api.settings.secret.get_secret_value(),
            lifetime=timedelta(seconds=4),
        )
        claims = tokens.read(owner.token, api.clock())
        brief = tokens.issue(claims.subject, claims.session_id, datetime.now(UTC))[0]
        async with (
            listening(api.app) as server,
            told_by(
                Path(__file__).with_name("renewal.mjs"),
                packages,
                url=f"ws://{address_of(server)}/graphql",
                tokens=[brief, owner.token],
                query=QUERY,
            ) as output,
        ):
            assert await line(output) == "connected"
            written: list[str] = []
            told: list[str] = []
            # Drafts, which only their owner hears of; written also while the client is away.
            is_back = asyncio.Event()
            writing = asyncio.create_task(_write_until(is_back, api, owner, written))
            while not told or told[-1] != "connected":
                told.append(await line(output))
            is_back.set()
            await writing
            last = await api.item(owner, status="DRAFT")
            while told[-1] != f"next {last}":
                told.append(await line(output))
        assert told.count("closed 4403") == 1
        heard = [words.removeprefix("next ") for words in told if words.startswith("next ")]
        written.append(last)
        # It was not subscribed yet when the first ones were written.
        assert heard == written[written.index(heard[0]) :]


async def _write_until(enough: asyncio.Event, api: Api, owner: Member, written: list[str]) -> None:
    while not enough.is_set():
        written.append(await api.item(owner, status="DRAFT"))
        await asyncio.sleep(0.05)
