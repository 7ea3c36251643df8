"""Sessions that end: the end is announced, and concurrent endings do not deadlock."""

import asyncio

import pytest

from resolvers.accounts import session as resolve
from resolvers.accounts.active_session import EndSession, end_session
from tests.resolvers.accounts.world import World, issued, new_email
from weft.declare.identity import encode_id
from weft.errors import Unauthenticated
from weft.problem import UserErrorCode


class TestSignOut:
    @pytest.mark.parametrize("everywhere", [False, True])
    async def test_sign_out_is_announced(self, world: World, everywhere: bool) -> None:
        info = world.info(await world.viewer_of(issued(await world.sign_up())))
        world.announced.clear()
        await resolve.sign_out(info, everywhere=everywhere)
        assert len(world.announced) == 1

    async def test_sign_out_of_a_session_that_has_ended_meanwhile_ends_no_other(
        self, world: World
    ) -> None:
        email = new_email()
        here, there = issued(await world.sign_up(email=email)), issued(await world.sign_in(email))
        late = world.info(await world.viewer_of(here))
        await resolve.sign_out(world.info(await world.viewer_of(here)))
        for everywhere in (False, True):
            with pytest.raises(Unauthenticated):
                await resolve.sign_out(late, everywhere=everywhere)
        assert (await world.viewer_of(there)).session_id == there.id

    async def test_one_of_several_concurrent_sign_outs_everywhere_succeeds(
        self, world: World
    ) -> None:
        for _ in range(5):
            email = new_email()
            sessions = [issued(await world.sign_up(email=email))]
            sessions += [issued(await world.sign_in(email)) for _ in range(3)]
            viewers = [await world.viewer_of(session) for session in sessions]
            told = await asyncio.gather(
                *(resolve.sign_out(world.info(viewer), everywhere=True) for viewer in viewers),
                return_exceptions=True,
            )
            refused = [isinstance(answer, Unauthenticated) for answer in told]
            assert sorted(refused) == [False, True, True, True], told


class TestEndSession:
    async def test_viewer_cannot_end_a_session_of_their_own_twice(self, world: World) -> None:
        here = issued(await world.sign_up())
        viewer = await world.viewer_of(here)
        input = EndSession(encode_id("Session", here.id))
        assert (await end_session(world.info(viewer), input)).ended_id == input.id
        with pytest.raises(Unauthenticated):
            await end_session(world.info(viewer), input)


class TestRefresh:
    async def test_refresh_with_a_used_token_announces_the_end_of_the_session(
        self, world: World
    ) -> None:
        first = issued(await world.sign_up())
        second = issued(await world.refresh(first.refresh_token))
        issued(await world.refresh(second.refresh_token))
        world.clock.advance(days=3)
        world.announced.clear()
        await world.refresh(first.refresh_token)
        assert len(world.announced) == 1

    async def test_refresh_by_a_suspended_user_is_refused(self, world: World) -> None:
        payload = await world.sign_up()
        assert payload.viewer is not None
        await world.fetch("UPDATE users SET suspended_at = now() WHERE id = $1", payload.viewer.id)
        refused = await world.refresh(issued(payload).refresh_token)
        assert [error.code for error in refused.errors] == [UserErrorCode.EXPIRED]
