import asyncio
import threading
import unicodedata
from collections.abc import Iterator

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.waiting import PATIENCE_SECONDS
from weft.auth.passwords import Passwords, Verification
from weft.errors import Unavailable
from weft.rates.address import CLIENT


class CountingHasher(Argon2Hasher):
    """A cheap Argon2id that counts its work and records the threads it ran on."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.hashes = 0
        self.verified: list[str | bytes] = []
        self.threads: set[str] = set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashes += 1
        return super().hash(password, salt=salt)

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.verified.append(hash)
        self.threads.add(threading.current_thread().name)
        return super().verify(password, hash)


class HeldHasher(CountingHasher):
    """A hasher that verifies only once it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.begun = threading.Semaphore(0)

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.begun.release()
        assert self.let_go.wait(10)
        return super().verify(password, hash)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def passwords(hasher: CountingHasher) -> Iterator[Passwords]:
    passwords = Passwords(hasher)
    yield passwords
    passwords.close()


class TestHash:
    async def test_hash_is_argon2id_by_default(self):
        passwords = Passwords()
        stored = await passwords.hash("correct horse battery")
        passwords.close()
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert "correct horse" not in stored

    async def test_hash_is_salted(self, passwords: Passwords):
        assert await passwords.hash("same password") != await passwords.hash("same password")


class TestVerify:
    async def test_hash_matches_only_its_password(self, passwords: Passwords):
        stored = await passwords.hash("correct horse")
        assert (await passwords.verify("correct horse", stored)).matches
        assert not (await passwords.verify("correct horse ", stored)).matches
        assert not (await passwords.verify("", stored)).matches

    async def test_password_matches_however_its_letters_are_composed(self, passwords: Passwords):
        stored = await passwords.hash(unicodedata.normalize("NFC", "crème brûlée"))
        assert (
            await passwords.verify(unicodedata.normalize("NFD", "crème brûlée"), stored)
        ).matches

    async def test_invalid_unicode_is_a_wrong_password(self, passwords: Passwords):
        stored = await passwords.hash("correct horse")
        assert not (await passwords.verify("\ud800\0", stored)).matches

    async def test_known_and_unknown_subjects_cost_one_verification(
        self, passwords: Passwords, hasher: CountingHasher
    ):
        stored = await passwords.hash("correct horse")
        for stored_hash in (stored, None):
            hasher.verified.clear()
            hasher.hashes = 0
            assert not (await passwords.verify("wrong horse", stored_hash)).matches
            assert (len(hasher.verified), hasher.hashes) == (1, 0)

    async def test_unknown_subject_costs_as_much_as_a_current_hash(
        self, passwords: Passwords, hasher: CountingHasher
    ):
        await passwords.verify("any password", None)
        (dummy,) = hasher.verified
        assert not hasher.check_needs_rehash(dummy)

    async def test_verification_runs_off_the_event_loop(
        self, passwords: Passwords, hasher: CountingHasher
    ):
        await passwords.verify("any password", None)
        assert all(name.startswith("passwords") for name in hasher.threads)

    async def test_hash_with_older_parameters_is_upgraded(self, passwords: Passwords):
        weaker = PasswordHash((CountingHasher(time_cost=2),)).hash("correct horse")
        verification = await passwords.verify("correct horse", weaker)
        assert verification.matches
        assert verification.upgraded_hash is not None
        again = await passwords.verify("correct horse", verification.upgraded_hash)
        assert again == Verification(matches=True, upgraded_hash=None)

    async def test_wrong_password_upgrades_no_hash(self, passwords: Passwords):
        weaker = PasswordHash((CountingHasher(time_cost=2),)).hash("correct horse")
        verification = await passwords.verify("wrong horse", weaker)
        assert verification == Verification(matches=False, upgraded_hash=None)


class TestFlood:
    async def test_attempts_beyond_the_limits_are_refused(self):
        hasher = HeldHasher()
        passwords = Passwords(hasher, threads=2, waiting=1)
        taken = [asyncio.create_task(passwords.verify("any", None)) for _ in range(3)]
        for _ in range(2):
            assert await asyncio.to_thread(hasher.begun.acquire, timeout=PATIENCE_SECONDS)
        with pytest.raises(Unavailable):
            await passwords.verify("any", None)
        assert not hasher.begun.acquire(blocking=False), "a third one runs"
        hasher.let_go.set()
        await asyncio.gather(*taken)
        assert not (await passwords.verify("any", None)).matches, "room again"
        passwords.close()

    async def test_cancelled_attempt_leaves_room(self):
        hasher = HeldHasher()
        passwords = Passwords(hasher, threads=1, waiting=1)
        running = asyncio.create_task(passwords.verify("any", None))
        waiting = asyncio.create_task(passwords.verify("any", None))
        assert await asyncio.to_thread(hasher.begun.acquire, timeout=PATIENCE_SECONDS)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        another = asyncio.create_task(passwords.verify("any", None))
        hasher.let_go.set()
        await asyncio.gather(running, another)
        assert len(hasher.verified) == 2
        passwords.close()

    async def test_flood_from_many_networks_lets_others_in(self):
        """192 attempts from 24 networks: another client waits for one of each at most."""
        hasher = HeldHasher()
        passwords = Passwords(hasher, threads=2, waiting=64)

        stored = await passwords.hash("correct horse")

        def trying(address: str, stored_hash: str | None) -> asyncio.Task[Verification]:
            CLIENT.set(address)
            return asyncio.create_task(passwords.verify("correct horse", stored_hash))

        addresses = [f"198.51.{network}.{host}" for host in range(8) for network in range(24)]
        flood = [trying(address, None) for address in addresses]
        for _ in range(2):
            assert await asyncio.to_thread(hasher.begun.acquire, timeout=PATIENCE_SECONDS)
        honest = trying("203.0.113.7", stored)
        await asyncio.sleep(0)
        hasher.let_go.set()
        assert (await honest).matches
        assert hasher.verified.index(stored) <= 2 + 24
        outcomes = await asyncio.gather(*flood, return_exceptions=True)
        assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 192 - 2 - 63
        passwords.close()

    async def test_cancelled_attempt_that_waited_is_not_hashed(self):
        hasher = HeldHasher()
        passwords = Passwords(hasher, threads=1)
        running, waiting = (asyncio.create_task(passwords.verify("any", None)) for _ in range(2))
        assert await asyncio.to_thread(hasher.begun.acquire, timeout=PATIENCE_SECONDS)
        for task in (running, waiting):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        another = asyncio.create_task(passwords.verify("any", None))
        hasher.let_go.set()
        await another
        assert len(hasher.verified) == 2
        passwords.close()
