import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from resolvers.accounts import session as resolve
from resolvers.accounts.session import IssuedSession, SessionPayload
from tests.resolvers.accounts.world import World, issued, new_email, new_world
from weft.auth.sessions import SessionRules
from weft.errors import Unauthenticated

EXPIRED = SessionPayload(errors=[resolve.EXPIRED])
SPENT = SessionPayload(errors=[resolve.SPENT])


@pytest.fixture
async def graceless(database_url: str, connection: object) -> AsyncIterator[World]:
    world = new_world(database_url, session_rules=SessionRules(grace=timedelta()))
    yield world
    await world.close()


async def assert_live(world: World, session: IssuedSession) -> None:
    """Asserts that the access token is valid, and that the refresh token gives another."""
    assert (await world.viewer_of(session)).session_id == session.id
    refreshed = issued(await world.refresh(session.refresh_token))
    assert (await world.viewer_of(refreshed)).session_id == session.id


async def assert_ended(world: World, *sessions: IssuedSession) -> None:
    """Asserts that no token issued in these sessions is valid."""
    for session in sessions:
        with pytest.raises(Unauthenticated):
            await world.viewer_of(session)
        assert await world.refresh(session.refresh_token) == EXPIRED


class TestRefreshSession:
    async def test_refresh_gives_new_tokens_of_the_same_session(self, world: World):
        first = issued(await world.sign_up())
        world.clock.advance(days=1)
        info = world.info()
        payload = await resolve.refresh_session(info, resolve.RefreshSession(first.refresh_token))
        second = issued(payload)
        assert payload.viewer is not None
        assert payload.viewer.id == info.context.viewer.user_id
        assert second.id == first.id
        assert second.refresh_token != first.refresh_token
        assert second.access_token_expires_at == world.clock.now + timedelta(minutes=15)
        assert second.refresh_token_expires_at == world.clock.now + timedelta(days=30)
        await assert_live(world, second)

    @pytest.mark.parametrize("token", ["", "x" * 43, "x" * 100_000, "\0", "\ud800"])
    async def test_token_that_was_never_issued_is_refused(self, world: World, token: str):
        assert await world.refresh(token) == EXPIRED

    async def test_access_token_is_refused(self, world: World):
        session = issued(await world.sign_up())
        assert await world.refresh(session.access_token) == EXPIRED
        await assert_live(world, session)

    async def test_expired_token_is_refused(self, world: World):
        session = issued(await world.sign_up())
        world.clock.now = session.refresh_token_expires_at
        assert await world.refresh(session.refresh_token) == EXPIRED

    async def test_session_ends_a_year_after_sign_in_however_often_it_is_refreshed(
        self, world: World
    ):
        session = issued(await world.sign_up())
        opened_at = world.clock.now
        for _ in range(13):
            world.clock.advance(days=28)
            session = issued(await world.refresh(session.refresh_token))
            assert (await world.viewer_of(session)).session_id == session.id
        assert session.refresh_token_expires_at == opened_at + timedelta(days=365)
        world.clock.now = session.refresh_token_expires_at
        await assert_ended(world, session)

    async def test_used_tokens_are_kept_only_until_they_expire(self, world: World):
        session = issued(await world.sign_up())
        for _ in range(5):
            world.clock.advance(days=20)
            session = issued(await world.refresh(session.refresh_token))
        stored = await world.fetch(
            "SELECT count(*) FROM refresh_tokens WHERE session_id = $1", session.id
        )
        assert stored == [(2,)]


class TestReuse:
    async def test_reused_token_ends_everything_that_descends_from_it(self, world: World):
        first = issued(await world.sign_up())
        second = issued(await world.refresh(first.refresh_token))
        third = issued(await world.refresh(second.refresh_token))
        world.clock.advance(days=3)
        with capture_logs() as logs:
            assert await world.refresh(first.refresh_token) == EXPIRED
        assert [(log["event"], log["session_id"]) for log in logs] == [
            ("refresh_token_reused", first.id)
        ]
        await assert_ended(world, second, third)

    async def test_reused_token_ends_no_other_session_of_the_user(self, world: World):
        email = new_email()
        stolen = issued(await world.sign_up(email=email))
        other = issued(await world.sign_in(email))
        await world.refresh(stolen.refresh_token)
        world.clock.advance(minutes=1)
        assert await world.refresh(stolen.refresh_token) == EXPIRED
        await assert_ended(world, stolen)
        await assert_live(world, other)

    async def test_reused_token_ends_its_siblings_as_well(self, world: World):
        first = issued(await world.sign_up())
        siblings = [issued(await world.refresh(first.refresh_token)) for _ in range(2)]
        world.clock.advance(minutes=1)
        successor = issued(await world.refresh(siblings[0].refresh_token))
        world.clock.advance(minutes=1)
        assert await world.refresh(siblings[0].refresh_token) == EXPIRED
        await assert_ended(world, successor, siblings[1])


class TestGrace:
    async def test_two_tabs_stay_live_if_both_refresh_within_the_grace_period(self, world: World):
        first = issued(await world.sign_up())
        here = issued(await world.refresh(first.refresh_token))
        world.clock.advance(seconds=9)
        there = issued(await world.refresh(first.refresh_token))
        assert here.refresh_token != there.refresh_token
        world.clock.advance(days=20)
        await assert_live(world, issued(await world.refresh(here.refresh_token)))
        await assert_live(world, issued(await world.refresh(there.refresh_token)))

    async def test_grace_period_gives_one_more_token_and_ends_nothing(self, world: World):
        first = issued(await world.sign_up())
        siblings = [issued(await world.refresh(first.refresh_token)) for _ in range(2)]
        for _ in range(3):
            assert await world.refresh(first.refresh_token) == SPENT
        for session in siblings:
            await assert_live(world, session)
        assert await world.refresh(first.refresh_token) == EXPIRED, "it is reused by now"
        await assert_ended(world, *siblings)

    async def test_grace_period_counts_from_the_first_use(self, world: World):
        first = issued(await world.sign_up())
        for _ in range(2):
            issued(await world.refresh(first.refresh_token))
            world.clock.advance(seconds=9)
        assert await world.refresh(first.refresh_token) == EXPIRED

    async def test_grace_period_is_over_once_a_successor_is_used(self, world: World):
        first = issued(await world.sign_up())
        second = issued(await world.refresh(first.refresh_token))
        third = issued(await world.refresh(second.refresh_token))
        assert await world.refresh(first.refresh_token) == EXPIRED
        await assert_ended(world, third)

    async def test_each_branch_has_its_own_grace_period(self, world: World):
        first = issued(await world.sign_up())
        here, there = [issued(await world.refresh(first.refresh_token)) for _ in range(2)]
        issued(await world.refresh(issued(await world.refresh(here.refresh_token)).refresh_token))
        again = [issued(await world.refresh(there.refresh_token)) for _ in range(2)]
        for session in again:
            await assert_live(world, session)


class TestConcurrency:
    async def test_two_of_many_concurrent_refreshes_get_a_live_session(self, world: World):
        for _ in range(5):
            first = issued(await world.sign_up())
            payloads = await asyncio.gather(*(world.refresh(first.refresh_token) for _ in range(8)))
            sessions = [issued(payload) for payload in payloads if payload != SPENT]
            assert len({session.refresh_token for session in sessions}) == len(sessions) == 2
            stored = await world.fetch(
                "SELECT count(*) FROM refresh_tokens WHERE session_id = $1", first.id
            )
            assert stored == [(3,)]
            await asyncio.gather(*(assert_live(world, session) for session in sessions))

    async def test_each_sibling_token_gives_two_tokens_as_well(self, world: World):
        first = issued(await world.sign_up())
        tokens = {first.refresh_token}
        for generation in range(1, 4):
            payloads = await asyncio.gather(
                *(world.refresh(token) for token in tokens for _ in range(4))
            )
            given = {issued(one).refresh_token for one in payloads if one != SPENT}
            assert len(given) == 2**generation
            tokens = given

    async def test_one_of_many_concurrent_refreshes_succeeds_without_a_grace_period(
        self, graceless: World
    ):
        for _ in range(10):
            first = issued(await graceless.sign_up())
            payloads = await asyncio.gather(
                *(graceless.refresh(first.refresh_token) for _ in range(8))
            )
            (winner,) = [issued(payload) for payload in payloads if payload != EXPIRED]
            await assert_ended(graceless, first, winner)

    async def test_no_refresh_outlives_a_concurrent_sign_out(self, world: World):
        for everywhere in (False, True) * 5:
            first = issued(await world.sign_up())
            info = world.info(await world.viewer_of(first))
            signing_out = asyncio.create_task(resolve.sign_out(info, everywhere=everywhere))
            payloads = await asyncio.gather(*(world.refresh(first.refresh_token) for _ in range(4)))
            assert (await signing_out).signed_out
            given = [issued(payload) for payload in payloads if payload not in (EXPIRED, SPENT)]
            await assert_ended(world, first, *given)

    async def test_concurrent_refresh_and_reuse_always_end_the_session(self, graceless: World):
        for _ in range(10):
            first = issued(await graceless.sign_up())
            second = issued(await graceless.refresh(first.refresh_token))
            payloads = await asyncio.gather(
                graceless.refresh(second.refresh_token), graceless.refresh(first.refresh_token)
            )
            assert payloads[1] == EXPIRED
            given = [issued(payload) for payload in payloads if payload != EXPIRED]
            await assert_ended(graceless, second, *given)
