"""Passwords: hashed and verified by argon2id, off the event loop."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers import HasherProtocol
from pwdlib.hashers.argon2 import Argon2Hasher

from weft.confidential import Confidential
from weft.rates.address import CLIENT
from weft.rates.admission import Admission

ResultT = TypeVar("ResultT")


class Verification(Confidential, frozen=True):
    """Whether a password matched; `upgraded_hash`, unless None, has to replace the stored hash."""

    matches: bool
    upgraded_hash: str | None


class Passwords:
    """Hashes and verifies passwords on `threads` threads of its own.

    A hash takes some 64 MiB and tens of milliseconds on purpose (RFC 9106, section 4, second
    choice), so a flood of them must neither stall the event loop nor use up threads or memory that
    other work needs: at most `threads` run at once and at most `waiting` more wait, admitted in
    turns by the address of the request being served (`weft.rates.admission`). Raises `Unavailable`
    if there is no place to wait; a password whose request is cancelled while it waits is not
    hashed.

    `hashers`: the first makes new hashes, those of the others are still verified and then upgraded.
    """

    def __init__(
        self,
        *hashers: HasherProtocol,
        threads: int = 2,
        waiting: int = 256,
        waiting_per_address: int = 16,
    ) -> None:
        self._hashing = PasswordHash(hashers) if hashers else _argon2()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._admission = Admission(
            threads, waiting=waiting, waiting_per_address=waiting_per_address
        )
        self._dummy_hash = _dummy_hash(self._hashing)

    async def hash(self, password: str) -> str:
        """Returns the hash to store, with its salt and parameters."""
        return await self._run(lambda: self._hashing.hash(_normalised(password)))

    async def verify(self, password: str, stored_hash: str | None) -> Verification:
        """Returns whether the password is that of the hash.

        A hash of None, for a subject that is unknown or has no password, never matches and costs
        exactly one verification like any other, so that the response time does not reveal who
        exists.
        """

        def check() -> Verification:
            matches, upgraded_hash = self._hashing.verify_and_update(
                _normalised(password), stored_hash or self._dummy_hash
            )
            return Verification(matches, upgraded_hash)

        return await self._run(check)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        await self._admission.take(CLIENT.get())
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # The thread continues after a cancellation, and so does its turn.
        running.add_done_callback(lambda _: self._admission.leave())
        return await asyncio.shield(running)

    def close(self) -> None:
        """Stops the threads once they are idle; what waits for one is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@cache
def _argon2() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _dummy_hash(hashing: PasswordHash) -> str:
    """Returns the hash of a random password; verifying it costs the same as any current hash."""
    return hashing.hash(secrets.token_hex())


def _normalised(password: str) -> bytes:
    # Keyboards differ in how they compose a letter (NIST SP 800-63B-4, section 3.1.1.2). Text that
    # is not valid Unicode, such as half a surrogate pair, is a wrong password, not an error.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
