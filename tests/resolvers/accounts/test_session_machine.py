import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)

from resolvers.accounts import session as resolve
from resolvers.accounts.session import IssuedSession, SessionPayload
from tests.resolvers.accounts.world import issued, new_email, new_world
from weft.auth.sessions import SessionRules
from weft.errors import RateLimited, Unauthenticated

ResultT = TypeVar("ResultT")
GRACE = timedelta(seconds=10)
HOUR = timedelta(hours=1)
PER_HOUR = 6
EXPIRED = SessionPayload(errors=[resolve.EXPIRED])
SPENT = SessionPayload(errors=[resolve.SPENT])
LIMITED = SessionPayload()


@dataclass
class Family:
    """All tokens that descend from one sign-in, as they should be."""

    expires_at: datetime
    has_ended: bool = False
    refreshed: list["Given"] = field(default_factory=list["Given"])
    """The tokens that were refreshed, once for each refresh."""

    def is_limited(self, now: datetime) -> bool:
        return sum(now - one.used_at < HOUR for one in self.refreshed if one.used_at) >= PER_HOUR


@dataclass
class Given:
    """The session of one response, and what became of its refresh token."""

    family: Family
    session: IssuedSession
    used_at: datetime | None = None
    given_for_it: list["Given"] = field(default_factory=list["Given"])

    def refused(self, now: datetime) -> SessionPayload | None:
        """Returns how its refresh token must be refused; None if it must give another one.

        Ends the family if the token is reused.
        """
        if self.family.has_ended or now >= self.session.refresh_token_expires_at:
            return EXPIRED
        if self.used_at is not None:
            untouched = all(other.used_at is None for other in self.given_for_it)
            if not untouched or now - self.used_at >= GRACE:
                self.family.has_ended = True
                return EXPIRED
            if len(self.given_for_it) == 2:
                return SPENT
        if self.family.is_limited(now):
            return LIMITED
        self.used_at = self.used_at or now
        return None

    def is_live(self, now: datetime) -> bool:
        """Returns whether its access token must be valid."""
        ends_at = min(self.session.access_token_expires_at, self.family.expires_at)
        return not self.family.has_ended and now < ends_at


class SessionMachine(RuleBasedStateMachine):
    """Compares what honest and dishonest clients of one user get with a model of their tokens."""

    given = Bundle[Given]("given")

    def __init__(self, loop: asyncio.AbstractEventLoop, database_url: str) -> None:
        super().__init__()
        self.loop = loop
        rules = SessionRules(refreshes_per_hour=PER_HOUR)
        self.world = new_world(database_url, session_rules=rules)
        self.email = new_email()
        self.families: list[Family] = []
        self.signed_up = self.first(self.run(self.world.sign_up(email=self.email)))

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self.loop.run_until_complete(work)

    def first(self, payload: SessionPayload) -> Given:
        session = issued(payload)
        family = Family(session.refresh_token_expires_at)
        self.families.append(family)
        return Given(family, session)

    @rule(target=given)
    def sign_in(self) -> Given:
        return self.first(self.run(self.world.sign_in(self.email)))

    @rule(target=given, presented=given)
    def refresh(self, presented: Given) -> Given:
        refused = presented.refused(self.world.clock.now)
        (payload,) = self.run(self.at_once(presented.session.refresh_token, 1))
        if refused is not None:
            assert payload == refused
            return presented
        return self.successor(presented, payload)

    def successor(self, presented: Given, payload: SessionPayload) -> Given:
        presented.family.expires_at = issued(payload).refresh_token_expires_at
        another = Given(presented.family, issued(payload))
        presented.given_for_it.append(another)
        presented.family.refreshed.append(presented)
        return another

    @rule(target=given, presented=given, times=st.integers(2, 5))
    def refresh_at_once(self, presented: Given, times: int) -> MultipleResults[Given]:
        """Refreshes in so many tabs at once; the order of their responses does not matter."""
        payloads = self.run(self.at_once(presented.session.refresh_token, times))
        granted = [payload for payload in payloads if payload.session is not None]
        others = [payload for payload in payloads if payload.session is None]
        expected: list[SessionPayload] = []
        given: list[Given] = []
        for _ in range(times):
            refused = presented.refused(self.world.clock.now)
            if refused is None:
                given.append(self.successor(presented, granted.pop()))
            else:
                expected.append(refused)
        assert granted == []
        assert sorted(others, key=str) == sorted(expected, key=str)
        return multiple(*given)

    async def at_once(self, refresh_token: str, times: int) -> list[SessionPayload]:
        return await asyncio.gather(*(self.refreshed(refresh_token) for _ in range(times)))

    async def refreshed(self, refresh_token: str) -> SessionPayload:
        try:
            return await self.world.refresh(refresh_token)
        except RateLimited:
            return LIMITED

    @rule(
        seconds=st.sampled_from([1, 5, 9.999999, 10, 60, 899, 900])
        | st.integers(1, 31).map(lambda days: days * 86_400)
    )
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds=seconds)

    @rule(given=given)
    def look(self, given: Given) -> None:
        assert self.is_live(given) == given.is_live(self.world.clock.now)

    @rule(given=given, everywhere=st.booleans())
    def sign_out(self, given: Given, everywhere: bool) -> None:
        if not self.is_live(given):
            return
        info = self.world.info(self.run(self.world.viewer_of(given.session)))
        self.run(resolve.sign_out(info, everywhere=everywhere))
        for family in self.families if everywhere else [given.family]:
            family.has_ended = True

    def is_live(self, given: Given) -> bool:
        try:
            self.run(self.world.viewer_of(given.session))
        except Unauthenticated:
            return False
        return True

    def teardown(self) -> None:
        self.run(self.world.close())


SHORT = settings(max_examples=20, stateful_step_count=30, deadline=None)


@contextmanager
def machine_on(database_url: str) -> Generator[type[SessionMachine]]:
    """Yields the machine over this database."""
    loop = asyncio.new_event_loop()

    class OnThisDatabase(SessionMachine):
        def __init__(self) -> None:
            super().__init__(loop, database_url)

    yield OnThisDatabase
    loop.close()


class TestSessions:
    def test_sessions_keep_their_rules_in_any_sequence_of_steps(
        self, database_url: str, world: object
    ):
        with machine_on(database_url) as machine:
            run_state_machine_as_test(machine, settings=SHORT)
