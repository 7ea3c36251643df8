"""Clients that others wrote, as they are: they must come back by themselves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api, Member
from tests.real.clients.node import line, told_by
from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport import toy
from weft.auth.tokens import AccessTokens
from weft.transport.limits import SocketLimits

CLOSE_CODES = Path(__file__).with_name("close_codes.mjs")
QUERY = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"


class TestGraphqlWs:
    async def test_comes_back_with_a_fresh_token_and_its_cursor(
        self, api: Api, packages: Path
    ) -> None:
        owner = await api.user()
        fresh = await another_token(api, owner)
        async with (
            listening(api.app) as server,
            told_by(
                Path(__file__).with_name("renewal.mjs"),
                packages,
                url=f"ws://{address_of(server)}/graphql",
                tokens=[owner.token, fresh],
                query=QUERY,
            ) as output,
        ):
            assert await line(output) == "connected"
            written: list[str] = []
            told: list[str] = []
            # Drafts, which only their owner hears of; written also while the client is away.
            is_back = asyncio.Event()
            writing = asyncio.create_task(_write_until(is_back, api, owner, written))
            told.append(await line(output))  # a change: it has subscribed
            await api.data("mutation { signOut { signedOut } }", by=owner)
            while told[-1] != "connected":
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


class TestCloseCodes:
    @pytest.mark.parametrize(
        ("how", "token", "code"),
        [
            ("nonsense", None, 4400),
            ("subscribe first", None, 4401),
            ("no subprotocol", None, 4406),
            ("one id twice", None, 4409),
            ("initialise twice", None, 4429),
            ("nothing", "Bearer broken", 4500),
        ],
    )
    async def test_that_are_the_clients_fault_make_it_give_up(
        self, packages: Path, how: str, token: str | None, code: int
    ) -> None:
        told = await told_until("gives up", packages, how, token)
        assert told.count("connecting") == 1
        assert f"closed {code}" in [" ".join(words.split()[:2]) for words in told]

    @pytest.mark.parametrize(
        ("how", "token", "code"),
        [
            ("nothing", "Bearer bad", 4403),
            ("initialise never", None, 4408),
            ("nothing", "Bearer unavailable", 1013),
        ],
    )
    async def test_that_pass_make_it_come_back(
        self, packages: Path, how: str, token: str | None, code: int
    ) -> None:
        told = await told_until("gives up", packages, how, token)
        assert told.count("connecting") == 2
        assert [" ".join(words.split()[:2]) for words in told].count(f"closed {code}") == 2

    async def test_of_a_shutdown_makes_it_come_back(self, packages: Path) -> None:
        async with (
            toy.serving() as server,
            told_by(CLOSE_CODES, packages, url=server.socket_url, how="nothing") as output,
        ):
            assert [await line(output) for _ in range(2)] == ["connecting", "next"]
            await server.uvicorn.shutdown()
            assert (await line(output)).startswith("closed 1012")
            assert await line(output) == "connecting"


async def told_until(last: str, packages: Path, how: str, token: str | None) -> list[str]:
    """What the client tells of the toy server, up to the line `last`."""
    init_timeout_seconds = 0.5 if how == "initialise never" else PATIENCE_SECONDS
    limits = SocketLimits(init_timeout_seconds=init_timeout_seconds)
    async with (
        toy.serving(limits=limits) as server,
        told_by(CLOSE_CODES, packages, url=server.socket_url, how=how, token=token) as output,
    ):
        told = [await line(output)]
        while told[-1] != last:
            told.append(await line(output))
    return told


async def another_token(api: Api, member: Member) -> str:
    """An access token of a second session of the member."""
    session: Any = await api.connection.fetchval(
        "INSERT INTO sessions (user_id, opened_at, expires_at) "
        "SELECT user_id, opened_at, expires_at FROM sessions WHERE user_id = $1 RETURNING id",
        member.key,
    )
    tokens = AccessTokens(
        key_id=api.settings.secret_key_id, secret=api.settings.secret.get_secret_value()
    )
    return tokens.issue(str(member.key), session, api.clock())[0]


async def _write_until(enough: asyncio.Event, api: Api, owner: Member, written: list[str]) -> None:
    while not enough.is_set():
        written.append(await api.item(owner, status="DRAFT"))
        await asyncio.sleep(0.05)
