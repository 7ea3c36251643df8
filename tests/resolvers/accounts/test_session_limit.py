"""How often a session may be refreshed within an hour, and what the limit does not change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from resolvers.accounts import session as resolve
from resolvers.accounts.session import IssuedSession, SessionPayload
from tests.resolvers.accounts.world import World, issued, new_email, new_world
from weft.auth.sessions import SessionRules
from weft.errors import RateLimited, Unauthenticated

PER_HOUR = 5
EXPIRED = SessionPayload(errors=[resolve.EXPIRED])
SPENT = SessionPayload(errors=[resolve.SPENT])


@pytest.fixture(params=[timedelta(days=30), timedelta(days=400)], ids=["idle", "absolute"])
async def world(
    database_url: str, connection: object, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """A world where tokens expire after their own time, or where all expire with the session."""
    rules = SessionRules(idle=request.param, refreshes_per_hour=PER_HOUR)
    world = new_world(database_url, session_rules=rules)
    yield world
    await world.close()


async def stored(world: World, session: IssuedSession) -> list[tuple[object, ...]]:
    """Returns all that is stored of a session."""
    return await world.fetch(
        "SELECT t.*, s.expires_at FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id"
        " WHERE s.id = $1 ORDER BY t.digest",
        session.id,
    )


async def refreshed(world: World, session: IssuedSession, times: int) -> list[IssuedSession]:
    """Returns the session and the result of each of `times` refreshes, a minute apart."""
    sessions = [session]
    for _ in range(times):
        world.clock.advance(minutes=1)
        sessions.append(issued(await world.refresh(sessions[-1].refresh_token)))
    return sessions


async def limited(world: World, session: IssuedSession) -> int:
    """Returns after how many seconds the session, whose limit is reached, may be refreshed."""
    before = await stored(world, session)
    with pytest.raises(RateLimited) as caught:
        await world.refresh(session.refresh_token)
    assert await stored(world, session) == before, "it has written something"
    assert caught.value.extensions["code"] == "TOO_MANY_REQUESTS"
    return caught.value.retry_after_seconds


class TestLimit:
    async def test_refreshes_beyond_the_limit_are_refused_until_the_first_is_an_hour_old(
        self, world: World
    ):
        sessions = await refreshed(world, issued(await world.sign_up()), PER_HOUR)
        world.clock.advance(minutes=10)
        seconds = (60 - PER_HOUR + 1 - 10) * 60
        for _ in range(3):
            assert await limited(world, sessions[-1]) == seconds
        assert (await world.viewer_of(sessions[-1])).session_id == sessions[-1].id
        world.clock.advance(seconds=seconds - 1)
        assert await limited(world, sessions[-1]) == 1
        world.clock.advance(seconds=1)
        another = issued(await world.refresh(sessions[-1].refresh_token))
        assert await limited(world, another) == 60, "only one refresh is an hour ago"
        assert len(await stored(world, another)) == PER_HOUR + 2, "used tokens are kept"

    async def test_limit_does_not_count_refreshes_of_more_than_an_hour_ago(self, world: World):
        session = issued(await world.sign_up())
        for _ in range(3 * PER_HOUR):
            world.clock.advance(minutes=60 / PER_HOUR)
            session = issued(await world.refresh(session.refresh_token))

    async def test_limit_counts_sibling_tokens(self, world: World):
        session = issued(await world.sign_up())
        for _ in range(2):
            _, session = [issued(await world.refresh(session.refresh_token)) for _ in range(2)]
        last = issued(await world.refresh(session.refresh_token))
        await limited(world, last)
        world.clock.advance(seconds=1)
        with pytest.raises(RateLimited):
            await world.refresh(session.refresh_token)  # it would give a sibling of the last

    async def test_each_session_has_its_own_limit(self, world: World):
        email = new_email()
        spent = await refreshed(world, issued(await world.sign_up(email=email)), PER_HOUR)
        other = issued(await world.sign_in(email))
        await limited(world, spent[-1])
        await limited(world, (await refreshed(world, other, PER_HOUR))[-1])

    async def test_last_place_goes_to_one_of_several_concurrent_refreshes(self, world: World):
        for _ in range(5):
            session = issued(await world.sign_up())
            *_, last = await refreshed(world, session, PER_HOUR - 1)
            answers = await asyncio.gather(
                *(world.refresh(last.refresh_token) for _ in range(8)), return_exceptions=True
            )
            given = [one for one in answers if isinstance(one, SessionPayload)]
            assert [type(one) for one in answers if one not in given] == [RateLimited] * 7
            assert len(await stored(world, session)) == PER_HOUR + 1
            await limited(world, issued(given[0]))

    @pytest.mark.parametrize("place", [0, -2])
    async def test_limit_does_not_hide_the_reuse_of_a_token(self, world: World, place: int):
        sessions = await refreshed(world, issued(await world.sign_up()), PER_HOUR)
        world.clock.advance(seconds=30)
        await limited(world, sessions[-1])
        assert await world.refresh(sessions[place].refresh_token) == EXPIRED
        assert await world.refresh(sessions[-1].refresh_token) == EXPIRED
        with pytest.raises(Unauthenticated):
            await world.viewer_of(sessions[-1])

    async def test_third_tab_is_refused_as_without_the_limit(self, world: World):
        *_, last = await refreshed(world, issued(await world.sign_up()), PER_HOUR - 2)
        tabs = [issued(await world.refresh(last.refresh_token)) for _ in range(2)]
        assert await world.refresh(last.refresh_token) == SPENT
        await limited(world, tabs[0])
