"""The graphql-ws client, unmodified, reconnects by itself where it should."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.client import Api, Member
from tests.real.clients.node import line, told_by
from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport import toy
from weft.auth.tokens import AccessTokens
from weft.transport.limits import SocketLimits

CLOSE_CODES = Path(__file__).with_name("close_codes.mjs")
QUERY = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"


class TestGraphqlWs:
    async def test_client_reconnects_with_a_fresh_token_and_its_cursor(
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
            # Drafts, whose events go to their owner only; also written while it is disconnected.
            is_back = asyncio.Event()
            writing = asyncio.create_task(_write_until(is_back, api, owner, written))
            told.append(await line(output))  # an event: the subscription has started
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
        # The subscription had not started when the first items were created.
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
    async def test_close_codes_for_client_errors_end_the_client(
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
    async def test_close_codes_for_temporary_errors_make_the_client_reconnect(
        self, packages: Path, how: str, token: str | None, code: int
    ) -> None:
        told = await told_until("gives up", packages, how, token)
        assert told.count("connecting") == 2
        assert [" ".join(words.split()[:2]) for words in told].count(f"closed {code}") == 2

    async def test_close_code_of_a_shutdown_makes_the_client_reconnect(
        self, packages: Path
    ) -> None:
        async with (
            toy.serving() as server,
            told_by(CLOSE_CODES, packages, url=server.socket_url, how="nothing") as output,
        ):
            assert [await line(output) for _ in range(2)] == ["connecting", "next"]
            await server.uvicorn.shutdown()
            assert (await line(output)).startswith("closed 1012")
            assert await line(output) == "connecting"


async def told_until(last: str, packages: Path, how: str, token: str | None) -> list[str]:
    """Runs the client against the toy server; returns its output up to the line `last`."""
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
    """Opens a second session of the member; returns its access token."""
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
