import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from pwdlib import PasswordHash

from db.accounts.user import Role
from resolvers.accounts import session as resolve
from resolvers.accounts.session import IssuedSession, SessionPayload
from resolvers.context import STRANGER
from tests.resolvers.accounts.world import (
    PASSWORD,
    CountingHasher,
    World,
    issued,
    new_email,
    new_world,
)
from weft.auth.passwords import Passwords
from weft.auth.sessions import SessionRules
from weft.errors import Unauthenticated
from weft.problem import UserErrorCode


def codes(payload: SessionPayload) -> list[tuple[str, list[str]]]:
    assert payload.session is None
    assert payload.viewer is None
    return [(error.code, error.path) for error in payload.errors]


async def is_live(world: World, session: IssuedSession) -> bool:
    try:
        await world.viewer_of(session)
    except Unauthenticated:
        return False
    return True


class TestSignUp:
    async def test_sign_up_signs_in(self, world: World):
        info, email = world.info(), new_email()
        payload = await resolve.sign_up(info, resolve.SignUp(" Ada ", f" {email} ", PASSWORD))
        session = issued(payload)
        assert payload.viewer is not None
        assert (payload.viewer.name, payload.viewer.email) == ("Ada", email)
        assert payload.viewer.role is Role.MEMBER
        assert await world.viewer_of(session) == info.context.viewer
        assert info.context.viewer.user_id == payload.viewer.id
        assert session.access_token_expires_at == world.clock.now + timedelta(minutes=15)
        assert session.refresh_token_expires_at == world.clock.now + timedelta(days=30)
        assert len(world.announced) == 1

    async def test_sign_up_stores_neither_the_password_nor_the_token(self, world: World):
        session = issued(await world.sign_up())
        [(stored,)] = await world.fetch(
            "SELECT concat(users, sessions, refresh_tokens) FROM users"
            " JOIN sessions ON sessions.user_id = users.id"
            " JOIN refresh_tokens ON session_id = sessions.id WHERE sessions.id = $1",
            session.id,
        )
        assert "$argon2id$" in stored
        for secret in (PASSWORD, session.refresh_token, session.refresh_token.encode().hex()):
            assert secret not in stored

    @pytest.mark.parametrize("change", [str, str.upper, lambda email: f" {email}\n"])
    async def test_address_is_taken_whatever_its_case(
        self, world: World, change: Callable[[str], str]
    ):
        email = new_email()
        issued(await world.sign_up(email=email))
        assert codes(await world.sign_up(email=change(email))) == [("TAKEN", ["email"])]

    async def test_concurrent_sign_ups_take_an_address_once(self, world: World):
        email = new_email()
        payloads = await asyncio.gather(*(world.sign_up(email=email) for _ in range(8)))
        assert sorted(len(payload.errors) for payload in payloads) == [0] + [1] * 7

    async def test_invalid_sign_up_reports_all_errors_at_once_and_writes_nothing(
        self, world: World
    ):
        payload = await world.sign_up(name=" ", email="nobody", password="short")
        assert codes(payload) == [
            ("INVALID", ["name"]),
            ("INVALID", ["email"]),
            ("INVALID", ["password"]),
        ]
        assert world.announced == []


class TestSignIn:
    async def test_sign_in_opens_a_session_whatever_the_case_of_the_address(self, world: World):
        email = new_email()
        first = issued(await world.sign_up(email=email))
        payload = await world.sign_in(f" {email.upper()} ")
        assert payload.viewer is not None
        assert payload.viewer.email == email
        assert issued(payload).id != first.id
        assert (await world.viewer_of(issued(payload))).user_id == payload.viewer.id

    async def test_every_wrong_sign_in_gets_the_same_response_at_the_same_cost(self, world: World):
        email, passwordless = new_email(), new_email()
        await world.sign_up(email=email)
        await world.sign_up(email=passwordless)
        await world.fetch("UPDATE users SET password_hash = NULL WHERE email = $1", passwordless)
        for wrong in (
            (email, "wrong password"),
            (email, ""),
            (email, PASSWORD + "x" * 10_000),
            (email, "\ud800\0"),
            (new_email(), PASSWORD),
            (passwordless, PASSWORD),
            (passwordless, ""),
            ("no address", PASSWORD),
            ("\ud800\0@weft.test", PASSWORD),
        ):
            world.hasher.verifications = 0
            assert await world.sign_in(*wrong) == SessionPayload(errors=[resolve.BAD_CREDENTIALS])
            assert world.hasher.verifications == 1

    async def test_correct_sign_in_verifies_the_password_once(self, world: World):
        email = new_email()
        await world.sign_up(email=email)
        issued(await world.sign_in(email))
        assert world.hasher.verifications == 1

    async def test_concurrent_sign_ins_upgrade_an_old_hash(self, world: World):
        email = new_email()
        await world.sign_up(email=email)
        old = PasswordHash((CountingHasher(time_cost=2),)).hash(PASSWORD)
        await world.fetch("UPDATE users SET password_hash = $1 WHERE email = $2", old, email)
        payloads = await asyncio.gather(*(world.sign_in(email) for _ in range(8)))
        assert len({issued(payload).id for payload in payloads}) == 8
        [(stored,)] = await world.fetch("SELECT password_hash FROM users WHERE email = $1", email)
        assert not world.hasher.check_needs_rehash(stored)

    async def test_sign_in_fails_if_the_password_changes_meanwhile(
        self, database_url: str, connection: object
    ):
        begun, go_on = threading.Event(), threading.Event()

        class HeldHasher(CountingHasher):
            def verify(self, password: str | bytes, hash: str | bytes) -> bool:
                begun.set()
                assert go_on.wait(10)
                return super().verify(password, hash)

        passwords = Passwords(HeldHasher())
        world = new_world(database_url, passwords=passwords)
        email, new_hash = new_email(), await passwords.hash("a new password")
        await world.sign_up(email=email)
        signing_in = asyncio.create_task(world.sign_in(email))
        assert await asyncio.to_thread(begun.wait, 10)
        await world.fetch("UPDATE users SET password_hash = $1 WHERE email = $2", new_hash, email)
        go_on.set()
        assert codes(await signing_in) == [("BAD_CREDENTIALS", [])]
        await world.close()

    async def test_sign_in_drops_the_expired_sessions_of_the_user(self, world: World):
        email = new_email()
        old = issued(await world.sign_up(email=email))
        world.clock.advance(days=29)
        recent = issued(await world.sign_in(email))
        world.clock.advance(days=2)
        newest = issued(await world.sign_in(email))
        stored = await world.fetch(
            "SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id",
            [old.id, recent.id, newest.id],
        )
        assert stored == [(recent.id,), (newest.id,)]


class TestSignOut:
    async def test_sign_out_ends_its_session_at_once_and_no_other(self, world: World):
        email = new_email()
        here, there = issued(await world.sign_up(email=email)), issued(await world.sign_in(email))
        info = world.info(await world.viewer_of(here))
        assert await resolve.sign_out(info) == resolve.SignOutPayload(signed_out=True)
        assert info.context.viewer == STRANGER
        assert not await is_live(world, here)
        assert codes(await world.refresh(here.refresh_token)) == [("EXPIRED", ["refreshToken"])]
        assert await is_live(world, there)

    async def test_sign_out_everywhere_ends_all_sessions_of_the_viewer_and_no_other(
        self, world: World
    ):
        email = new_email()
        somebody = issued(await world.sign_up())
        mine = [issued(await world.sign_up(email=email))]
        mine += [issued(await world.sign_in(email)) for _ in range(2)]
        info = world.info(await world.viewer_of(mine[0]))
        assert (await resolve.sign_out(info, everywhere=True)).signed_out
        assert [await is_live(world, session) for session in mine] == [False] * 3
        assert await is_live(world, somebody)

    async def test_anonymous_sign_out_is_refused(self, world: World):
        payload = await resolve.sign_out(world.info(), everywhere=None)
        assert not payload.signed_out
        assert [error.code for error in payload.errors] == [UserErrorCode.FORBIDDEN]


class TestViewerOf:
    async def test_viewer_without_credentials_is_anonymous(self, world: World):
        assert await resolve.viewer_of(world.services, None) == STRANGER

    async def test_viewer_has_the_current_role(self, world: World):
        session = issued(await world.sign_up())
        viewer = await world.viewer_of(session)
        await world.fetch("UPDATE users SET role = 'ADMIN' WHERE id = $1", viewer.user_id)
        assert (await world.viewer_of(session)).is_admin

    async def test_viewer_expires_with_the_token(self, world: World):
        session = issued(await world.sign_up())
        viewer = await world.viewer_of(session)
        assert viewer.expires_at == session.access_token_expires_at
        world.clock.now = session.access_token_expires_at
        with pytest.raises(Unauthenticated, match="expired"):
            await world.viewer_of(session)

    async def test_viewer_ends_with_the_session_though_the_token_lasts(
        self, database_url: str, connection: object
    ):
        world = new_world(database_url, session_rules=SessionRules(idle=timedelta(seconds=60)))
        session = issued(await world.sign_up())
        world.clock.advance(seconds=60)
        with pytest.raises(Unauthenticated, match="ended"):
            await world.viewer_of(session)
        await world.close()

    async def test_viewer_ends_with_the_user(self, world: World):
        session = issued(await world.sign_up())
        viewer = await world.viewer_of(session)
        await world.fetch("DELETE FROM users WHERE id = $1", viewer.user_id)
        assert not await is_live(world, session)

    async def test_concurrent_requests_read_their_viewers_in_one_batch(self, world: World):
        sessions = [issued(await world.sign_up()) for _ in range(5)]
        before = world.services.database.reads.batches
        viewers = await asyncio.gather(*(world.viewer_of(session) for session in sessions * 6))
        assert [viewer.session_id for viewer in viewers] == [s.id for s in sessions] * 6
        assert world.services.database.reads.batches == before + 1
