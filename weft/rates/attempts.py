"""How often somebody may try to sign in or to sign up."""

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
"""The machine itself, which has no address that is counted."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many attempts there may be."""

    sign_ins_per_account: int = 10
    """By one address at one account, in a quarter of an hour; begun anew by one that succeeds."""
    sign_ins_per_address: int = 60
    """By one address, in a minute, at whatever account."""
    sign_ins_at_account: int = 100
    """By all addresses at one account in an hour; from then on each may try once only, of IPv6 each
    /48."""
    sign_ups_per_address: int = 30
    """By one address in an hour; with one account as mails are counted."""
    resets_per_account: int = 5
    """Asked for by one address for one account, in an hour."""
    resets_per_address: int = 30
    """Asked for by one address in an hour, for whatever account."""
    resets_at_account: int = 20
    """Asked for by all addresses for one account in an hour; from then on each may ask once, of
    IPv6 each /48."""
    mails_per_account: int = 5
    """Of one kind but resets, asked for by one address for one account, in an hour."""
    mails_per_address: int = 30
    """The same by one address in an hour, for whatever account."""
    mails_at_account: int = 20
    """The same by all addresses for one account in an hour; from then on as resets."""


class Attempts:
    """Counts attempts by address, and by account and address together.

    Nothing that others do keeps an account's owner out: attempts from elsewhere are counted apart,
    and however many there are, the first attempt from an address is always looked at. Accounts are
    counted whether they are known or not: so limits do not tell which exist.

    `account` is a text that is the same for all that finds the same account, and None for what can
    find none, which is counted by address only; it is kept as a digest.
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
        """Counts an attempt before its password is looked at; raises `RateLimited`."""
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
        """The attempt was good: the next ones from there begin anew."""
        await self._forget(self._per_account, "sign-in", account, address)

    async def sign_up(self, account: str | None, address: str | None) -> None:
        """Counts an attempt, whose address is looked at or written to; raises `RateLimited`."""
        limits = self._sign_ups, self._mails_per_account, self._mails_at_account
        await self._count_at_accounts(limits, "sign-up", [account], address)

    async def signed_up(self, account: str | None, address: str | None) -> None:
        """The account exists now: the next attempts with its name from there begin anew."""
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
    """The place, but of IPv6 the network of a whole site, in which there are 65,536 places."""
    return network_of(place) or place if ":" in place else place


def _digest(account: str) -> str:
    return sha256(account.encode(errors="replace")).hexdigest()[:32]
