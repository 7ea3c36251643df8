"""How often one session may be refreshed within an hour, and what its limit leaves as it is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from resolvers import session as resolve
from resolvers.session import IssuedSession, SessionPayload
from tests.resolvers.world import World, issued, new_email, new_world
from weft.auth.sessions import SessionRules
from weft.errors import RateLimited, Unauthenticated

PER_HOUR = 5
EXPIRED = SessionPayload(errors=[resolve.EXPIRED])
SPENT = SessionPayload(errors=[resolve.SPENT])


@pytest.fixture(params=[timedelta(days=30), timedelta(days=400)], ids=["idle", "absolute"])
async def world(
    database_url: str, connection: object, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """Where tokens expire after their own time, and where all expire with the session."""
    rules = SessionRules(idle=request.param, refreshes_per_hour=PER_HOUR)
    world = new_world(database_url, session_rules=rules)
    yield world
    await world.close()


async def stored(world: World, session: IssuedSession) -> list[tuple[object, ...]]:
    """All that is stored of a session."""
    return await world.fetch(
        "SELECT t.*, s.expires_at FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id"
        " WHERE s.id = $1 ORDER BY t.digest",
        session.id,
    )


async def refreshed(world: World, session: IssuedSession, times: int) -> list[IssuedSession]:
    """The session and what each of so many refreshes gave, a minute apart."""
    sessions = [session]
    for _ in range(times):
        world.clock.advance(minutes=1)
        sessions.append(issued(await world.refresh(sessions[-1].refresh_token)))
    return sessions


async def limited(world: World, session: IssuedSession) -> int:
    """After how many seconds the session may be refreshed."""
    before = await stored(world, session)
    with pytest.raises(RateLimited) as caught:
        await world.refresh(session.refresh_token)
    assert await stored(world, session) == before, "it has written something"
    assert caught.value.extensions["code"] == "TOO_MANY_REQUESTS"
    return caught.value.retry_after_seconds


class TestLimit:
    async def test_refuses_what_is_more_until_the_first_is_an_hour_ago(self, world: World):
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

    async def test_is_no_matter_of_the_day(self, world: World):
        session = issued(await world.sign_up())
        for _ in range(3 * PER_HOUR):
            world.clock.advance(minutes=60 / PER_HOUR)
            session = issued(await world.refresh(session.refresh_token))

    async def test_counts_siblings(self, world: World):
        session = issued(await world.sign_up())
        for _ in range(2):
            _, session = [issued(await world.refresh(session.refresh_token)) for _ in range(2)]
        last = issued(await world.refresh(session.refresh_token))
        await limited(world, last)
        world.clock.advance(seconds=1)
        with pytest.raises(RateLimited):
            await world.refresh(session.refresh_token)  # it would give a sibling of the last

    async def test_is_each_session_s_own(self, world: World):
        email = new_email()
        spent = await refreshed(world, issued(await world.sign_up(email=email)), PER_HOUR)
        other = issued(await world.sign_in(email))
        await limited(world, spent[-1])
        await limited(world, (await refreshed(world, other, PER_HOUR))[-1])

    async def test_gives_its_last_place_to_one_of_those_who_come_at_once(self, world: World):
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
    async def test_hides_no_thief(self, world: World, place: int):
        sessions = await refreshed(world, issued(await world.sign_up()), PER_HOUR)
        world.clock.advance(seconds=30)
        await limited(world, sessions[-1])
        assert await world.refresh(sessions[place].refresh_token) == EXPIRED
        assert await world.refresh(sessions[-1].refresh_token) == EXPIRED
        with pytest.raises(Unauthenticated):
            await world.viewer_of(sessions[-1])

    async def test_leaves_a_third_tab_as_it_is(self, world: World):
        *_, last = await refreshed(world, issued(await world.sign_up()), PER_HOUR - 2)
        tabs = [issued(await world.refresh(last.refresh_token)) for _ in range(2)]
        assert await world.refresh(last.refresh_token) == SPENT
        await limited(world, tabs[0])
