"""Rate limits of the whole server, for clients behind a declared proxy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app import create_app
from settings import Settings
from tests.client import Api, Clock
from tests.limited import BY_TOKEN, HERE, RESET, SIGN_IN, SIGN_UP, THERE, assert_limited, post
from tests.live import change, subscribed
from tests.sockets import address_of, connecting, listening
from tests.waiting import PATIENCE_SECONDS
from weft.documents.documents import LOOK_UP_COST

COST_PER_MINUTE = 400


@pytest.fixture
async def api(
    connection: asyncpg.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """A server behind a proxy on this machine, with low limits."""
    # On a busy machine Redis may be slow; the process would then count by itself.
    monkeypatch.setattr("weft.rates.windows.SECONDS", PATIENCE_SECONDS)
    assert settings.redis_url is not None
    async with Redis.from_url(settings.redis_url) as redis:
        for key in await redis.keys(f"{settings.redis_prefix}:rates*"):
            await redis.delete(key)
    limited = settings.model_copy(
        update={
            "trusted_proxies": ["127.0.0.0/8"],
            "cost_per_minute": COST_PER_MINUTE,
            "sign_ins_per_account": 3,
            "sign_ups_per_address": 2,
            "sign_ins_per_address": 4,
            "password_resets_per_account": 1,
            "password_resets_per_address": 4,
        }
    )
    async with Api(create_app(limited), limited, connection, Clock(), []) as api:
        yield api


class TestCost:
    # The second request uses up the budget, though reading a request is charged as well.
    QUERY = "{ a: items(first: 99) { nodes { id } } b: items(first: 99) { nodes { id } } }"

    async def test_cost_is_counted_by_address(self, api: Api) -> None:
        first = await post(api, self.QUERY, HERE)
        assert (first.status_code, first.json()["extensions"]) == (200, {"cost": 202})
        await post(api, self.QUERY, HERE)
        assert_limited(await post(api, self.QUERY, HERE))
        assert (await post(api, self.QUERY, THERE)).status_code == 200

    async def test_cost_is_counted_by_viewer_from_any_address(self, api: Api) -> None:
        user = await api.user()
        token = {"authorization": f"Bearer {user.token}"}
        await post(api, self.QUERY, HERE | token)
        await post(api, self.QUERY, THERE | token)
        elsewhere = {"x-forwarded-for": "203.0.113.9"}
        assert_limited(await post(api, self.QUERY, elsewhere | token))
        assert (await post(api, self.QUERY, elsewhere)).status_code == 200

    async def test_cost_is_counted_for_refused_requests(self, api: Api) -> None:
        responses = [await post(api, "{ nothingOfThisName }", HERE) for _ in range(30)]
        assert_limited(responses[-1])

    async def test_cost_is_counted_on_sockets(self, api: Api) -> None:
        async with (
            listening(api.app) as server,
            connecting(f"ws://{address_of(server)}/graphql", additional_headers=HERE) as socket,
        ):
            await socket.open()
            codes: list[str] = []
            for number in range(3):
                await socket.subscribe(str(number), self.QUERY)
                message = await socket.receive()
                if message["type"] == "error":
                    codes.append(message["payload"][0]["extensions"]["code"])
                else:
                    await socket.receive()
            assert codes == ["TOO_MANY_REQUESTS"]

    async def test_cost_is_not_counted_for_loopback_clients(self, api: Api) -> None:
        for _ in range(5):
            assert (await post(api, self.QUERY, {})).status_code == 200


class TestHealth:
    async def test_health_checks_are_counted_by_address_apart_from_operations(
        self, api: Api
    ) -> None:
        for _ in range(2):
            await post(api, TestCost.QUERY, HERE)
        codes = [(await api.http.get("/health/ready", headers=HERE)).status_code for _ in range(2)]
        assert codes == [200, 429]
        assert_limited(await post(api, TestCost.QUERY, HERE))
        assert (await api.http.get("/health/live", headers=HERE)).status_code == 200
        pages = [await api.http.get("/", headers=HERE) for _ in range(2)]
        assert [page.status_code for page in pages] == [404, 429]
        assert_limited(pages[-1])
        assert (await api.http.get("/health/ready", headers=THERE)).status_code == 200
        for _ in range(3):
            assert (await api.http.get("/health/ready")).status_code == 200

    async def test_refusals_wait_while_other_requests_are_answered(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.transport.answer.REFUSAL_SECONDS", 3600.0)
        await api.http.get("/health/ready", headers=HERE)
        for _ in range(2):
            await post(api, TestCost.QUERY, THERE)
        refused = [
            asyncio.create_task(api.http.get("/health/ready", headers=HERE)),
            asyncio.create_task(post(api, TestCost.QUERY, THERE)),
        ]
        elsewhere = {"x-forwarded-for": "203.0.113.9"}
        assert (await post(api, TestCost.QUERY, elsewhere)).status_code == 200
        assert not any(task.done() for task in refused)
        for task in refused:
            task.cancel()
        await asyncio.gather(*refused, return_exceptions=True)

    async def test_health_checks_open_one_write_connection_at_most(self, api: Api) -> None:
        """200 checks at once are all answered, and the one connection is idle afterwards."""
        answers = await asyncio.gather(*(api.http.get("/health/ready") for _ in range(200)))
        assert {answer.status_code for answer in answers} == {200}
        writers = await api.connection.fetch(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'weft write'"
        )
        assert [state for (state,) in writers] == ["idle"]


class TestDocuments:
    async def test_lookups_of_documents_are_counted(self, api: Api) -> None:
        async def ask(number: int) -> httpx.Response:
            return await api.http.post(
                "/graphql", json={"documentId": f"none-{number}"}, headers=HERE
            )

        responses = [await ask(number) for number in range(COST_PER_MINUTE // LOOK_UP_COST + 1)]
        assert {response.status_code for response in responses[:10]} == {400}
        assert_limited(responses[-1])


class TestLiveUpdates:
    RESUMED = "subscription ($after: String) { itemChanged(after: $after) { id cursor } }"

    async def test_resume_ends_when_the_budget_is_spent_and_continues_from_its_cursor(
        self, api: Api
    ) -> None:
        owner = await api.user()
        async with listening(api.app) as server:
            url = f"ws://{address_of(server)}/graphql"
            async with subscribed(url, query=self.RESUMED) as socket:
                await api.item(owner)
                cursor = (await change(socket))["cursor"]
            written = [await api.item(owner) for _ in range(COST_PER_MINUTE)]
            heard: list[str] = []
            ends: list[dict[str, Any]] = []
            for address in range(4):
                headers = {"x-forwarded-for": f"203.0.113.{address}"}
                async with connecting(url, additional_headers=headers) as socket:
                    await socket.open()
                    await socket.subscribe("1", self.RESUMED, variables={"after": cursor})
                    while len(heard) < len(written):
                        message = await socket.receive()
                        if message["type"] == "error":
                            ends += message["payload"]
                            break
                        heard.append(message["payload"]["data"]["itemChanged"]["id"])
                        cursor = message["payload"]["data"]["itemChanged"]["cursor"]
        assert heard == written
        assert 1 <= len(ends) <= 3
        for error in ends:
            assert error["path"] == ["itemChanged"]
            assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
            assert 1 <= error["extensions"]["retryAfterSeconds"] <= 60


class TestAddress:
    async def test_forwarded_address_of_an_undeclared_proxy_is_ignored(
        self, connection: asyncpg.Connection, settings: Settings
    ) -> None:
        """Without a declared proxy the header is ignored."""
        limited = settings.model_copy(update={"cost_per_minute": 100})
        async with Api(create_app(limited), limited, connection, Clock(), []) as api:
            addresses = [f"198.51.100.{number}" for number in range(3)]
            responses = [
                await post(api, TestCost.QUERY, {"x-forwarded-for": address})
                for address in addresses
            ]
        assert_limited(responses[-1])

    @pytest.mark.parametrize(
        "written",
        [
            ["203.0.113.7", "203.0.113.7:1234", "::ffff:203.0.113.7"],
            ["[::ffff:203.0.113.7]:1234", "::FFFF:CB00:7107", "64:ff9b::203.0.113.7"],
            ["2001:db8:1:2::1", "[2001:db8:1:2:ffff::2]:1234", "2001:0DB8:1:2::3"],
            ["2001:db8:1:2::1", "::1, [2001:db8:1:2::2]", "2001:db8:1:2::3%eth0"],
            ["unknown", "_hidden", "nonsense:1"],
        ],
    )
    async def test_spellings_of_one_address_are_counted_together(
        self, api: Api, written: list[str]
    ) -> None:
        responses = [
            await post(api, TestCost.QUERY, {"x-forwarded-for": address}) for address in written
        ]
        assert_limited(responses[-1])

    async def test_address_is_the_one_seen_by_the_nearest_proxy(self, api: Api) -> None:
        forged = [f"198.51.100.{number}, 203.0.113.7" for number in range(3)]
        responses = [
            await post(api, TestCost.QUERY, {"x-forwarded-for": addresses}) for addresses in forged
        ]
        assert_limited(responses[-1])


SPELLINGS = [
    "ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com\t", "ada@ｅｘａｍｐｌｅ.com",
    "Ada@ｅxample。com", "aDa@EXAMPLE．ＣＯＭ", "ada@ⓔxample.com", "adA@example.ⅽom",
]  # fmt: skip


class TestSpelling:
    """All spellings of an e-mail address count as the account that they find."""

    async def test_spellings_of_an_e_mail_address_share_the_limit_of_sign_ins(
        self, api: Api
    ) -> None:
        await post(api, SIGN_UP, {}, email="ada@example.com")
        right = await post(api, SIGN_IN, THERE, email=SPELLINGS[4], password="a long passphrase")
        assert right.json()["data"]["signIn"]["session"], "it finds the account"
        tried = [
            await post(api, SIGN_IN, HERE, email=email, password="not this one")
            for email in SPELLINGS[:4]
        ]
        assert [response.status_code for response in tried] == [200, 200, 200, 429]

    async def test_spellings_of_an_e_mail_address_share_the_limit_of_mails(self, api: Api) -> None:
        first, *others = [await post(api, RESET, HERE, email=email) for email in SPELLINGS[:4]]
        assert first.status_code == 200
        for response in others:
            assert_limited(response)


class TestSignIn:
    async def test_sign_in_is_refused_after_some_attempts_from_that_address_only(
        self, api: Api
    ) -> None:
        email = "ada@example.com"
        assert (await post(api, SIGN_UP, {}, email=email)).json()["data"]["signUp"] == {
            "errors": []
        }
        for _ in range(3):
            wrong = await post(api, SIGN_IN, HERE, email=email, password="not this one")
            assert wrong.status_code == 200
        assert_limited(await post(api, SIGN_IN, HERE, email=email, password="a long passphrase"))
        right = await post(api, SIGN_IN, THERE, email=email, password="a long passphrase")
        assert right.json()["data"]["signIn"]["session"]


class TestSignUp:
    async def test_sign_up_is_refused_after_some_from_one_address(self, api: Api) -> None:
        responses = [
            await post(api, SIGN_UP, HERE, email=f"user{number}@example.com") for number in range(3)
        ]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert_limited(responses[-1])


class TestReset:
    async def test_reset_is_refused_after_some_for_known_and_unknown_accounts(
        self, api: Api
    ) -> None:
        await post(api, SIGN_UP, {}, email="ada@example.com")
        for email in ("ada@example.com", "nobody@example.com"):
            first = await post(api, RESET, HERE, email=email)
            assert first.json()["data"]["requestPasswordReset"]["accepted"]
            assert_limited(await post(api, RESET, HERE, email=email))
        assert_limited(await post(api, RESET, HERE, email="somebody@example.com"))
        assert (await post(api, RESET, THERE, email="ada@example.com")).status_code == 200

    async def test_reset_with_guessed_tokens_is_refused_after_some(self, api: Api) -> None:
        responses = [await post(api, BY_TOKEN, HERE, token=str(number)) for number in range(5)]
        assert [response.status_code for response in responses] == [200] * 4 + [429]
