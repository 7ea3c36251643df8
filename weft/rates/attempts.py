"""Limits of attempts to sign in, to sign up and to request mails."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from limits import (
    RateLimitItem,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
)

from weft.errors import RateLimited
from weft.rates.address import network_of
from weft.rates.windows import Windows

QUARTER_OF_AN_HOUR = 15
NOWHERE = "here"
"""The place of attempts from the machine itself, which has no address that is counted."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """The most attempts in a time."""

    sign_ins_per_account: int = 10
    """From one address at one account in a quarter of an hour; a success resets the count."""
    sign_ins_per_address: int = 60
    """From one address in a minute, at any account."""
    sign_ins_at_account: int = 100
    """From all addresses at one account in an hour; beyond that each address may try once, of IPv6
    each /48."""
    sign_ups_per_address: int = 30
    """From one address in an hour; for one account the limits of mails apply."""
    resets_per_account: int = 5
    """Requested from one address for one account in an hour."""
    resets_per_address: int = 30
    """Requested from one address in an hour, for any account."""
    resets_at_account: int = 20
    """Requested from all addresses for one account in an hour; beyond that each address may request
    one, of IPv6 each /48."""
    mails_per_account: int = 5
    """Of one kind other than resets, requested from one address for one account in an hour."""
    mails_per_address: int = 30
    """The same from one address in an hour, for any account."""
    mails_at_account: int = 20
    """The same from all addresses for one account in an hour; beyond that as for resets."""


class Attempts:
    """Counts attempts by address, and by account and address together.

    Attempts from elsewhere do not lock out an account's owner: they are counted apart, and however
    many there are, the first attempt from an address is always checked. Unknown accounts are
    counted like known ones, so the limits do not reveal which exist.

    `account` is a text that is equal for all input that finds the same account; None for input that
    can find none, which is counted by address only. It is stored as a digest.
    """

    def __init__(self, windows: Windows, limits: AttemptLimits | None = None) -> None:
        limits = limits or AttemptLimits()
        self._windows = windows
        self._per_account = RateLimitItemPerMinute(limits.sign_ins_per_account, QUARTER_OF_AN_HOUR)
        self._per_address = RateLimitItemPerMinute(limits.sign_ins_per_address)
        self._at_account = RateLimitItemPerHour(limits.sign_ins_at_account)
        self._once = RateLimitItemPerHour(1)
        self._sign_ups = RateLimitItemPerHour(limits.sign_ups_per_address)
        self._resets_per_account = RateLimitItemPerHour(limits.resets_per_account)
        self._resets_per_address = RateLimitItemPerHour(limits.resets_per_address)
        self._resets_at_account = RateLimitItemPerHour(limits.resets_at_account)
        self._mails_per_account = RateLimitItemPerHour(limits.mails_per_account)
        self._mails_per_address = RateLimitItemPerHour(limits.mails_per_address)
        self._mails_at_account = RateLimitItemPerHour(limits.mails_at_account)

    async def sign_in(self, account: str | None, address: str | None) -> None:
        """Counts a sign-in before its password is checked; raises `RateLimited`."""
        limits = self._per_address, self._per_account, self._at_account
        await self._count_at_accounts(limits, "sign-in", [account], address)

    async def reset(self, account: str | None, address: str | None) -> None:
        """Counts a request to reset the password of an account; raises `RateLimited`."""
        limits = self._resets_per_address, self._resets_per_account, self._resets_at_account
        await self._count_at_accounts(limits, "reset", [account], address)

    async def mail(self, kind: str, accounts: Iterable[str | None], address: str | None) -> None:
        """Counts a request for a mail of this kind, at each account; raises `RateLimited`."""
        limits = self._mails_per_address, self._mails_per_account, self._mails_at_account
        await self._count_at_accounts(limits, kind, accounts, address)

    async def by_token(self, address: str | None) -> None:
        """Counts an attempt with a token that names no account; raises `RateLimited`."""
        if address is not None:
            await self._count(self._per_address, "token", address)

    async def signed_in(self, account: str | None, address: str | None) -> None:
        """Resets the account's count of sign-ins from this address, after one that succeeded."""
        await self._forget(self._per_account, "sign-in", account, address)

    async def sign_up(self, account: str | None, address: str | None) -> None:
        """Counts a sign-up, whose e-mail address is read or written to; raises `RateLimited`."""
        limits = self._sign_ups, self._mails_per_account, self._mails_at_account
        await self._count_at_accounts(limits, "sign-up", [account], address)

    async def signed_up(self, account: str | None, address: str | None) -> None:
        """Resets the account's count of sign-ups from this address, since it exists now."""
        await self._forget(self._mails_per_account, "sign-up", account, address)

    async def _forget(
        self, per_account: RateLimitItem, kind: str, account: str | None, address: str | None
    ) -> None:
        if account is None:
            return
        key, place = _digest(account), address or NOWHERE
        await self._windows.forget(per_account, kind, key, place)
        await self._windows.forget(self._once, kind, key, _site(place))

    async def _count_at_accounts(
        self,
        limits: tuple[RateLimitItem, ...],
        kind: str,
        accounts: Iterable[str | None],
        address: str | None,
    ) -> None:
        per_address, per_account, at_account = limits
        if address is not None:
            await self._count(per_address, kind, address)
        place = address or NOWHERE
        for account in dict.fromkeys(accounts):
            if account is None:
                continue
            key = _digest(account)
            await self._count(per_account, kind, key, place)
            flood = await self._windows.count(at_account, kind, key)
            if not flood.within:
                await self._count(self._once, kind, key, _site(place))

    async def _count(self, item: RateLimitItem, *key: str) -> None:
        window = await self._windows.count(item, *key)
        if not window.within:
            seconds = window.retry_after_seconds
            raise RateLimited(f"Too many attempts: try again in {seconds} s.", seconds)


def _site(place: str) -> str:
    """Returns the place; for IPv6 the network of a whole site, which has 65,536 places."""
    return network_of(place) or place if ":" in place else place


def _digest(account: str) -> str:
    return sha256(account.encode(errors="replace")).hexdigest()[:32]
