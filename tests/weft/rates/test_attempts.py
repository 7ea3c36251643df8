"""Attempts to sign in and up: all of them are limited, and none keeps others out."""

import pytest

from weft.errors import RateLimited
from weft.rates.attempts import AttemptLimits, Attempts
from weft.rates.windows import Windows

LIMITS = AttemptLimits(
    sign_ins_per_account=3,
    sign_ins_per_address=8,
    sign_ins_at_account=6,
    sign_ups_per_address=2,
    resets_per_account=2,
    resets_per_address=5,
    resets_at_account=4,
    mails_per_account=2,
    mails_per_address=5,
    mails_at_account=4,
)
ADA = "ada@example.com"


@pytest.fixture
def attempts(windows: Windows) -> Attempts:
    return Attempts(windows, LIMITS)


async def refused(attempts: Attempts, account: str | None, address: str | None) -> bool:
    try:
        await attempts.sign_in(account, address)
    except RateLimited as error:
        return 1 <= error.retry_after_seconds <= 3600
    return False


class TestSignIn:
    async def test_sign_ins_at_one_account_are_limited(self, attempts: Attempts) -> None:
        tried = [await refused(attempts, ADA, "a") for _ in range(5)]
        assert tried == [False, False, False, True, True]
        assert not await refused(attempts, "bob@example.com", "a")

    async def test_sign_ins_on_the_machine_itself_are_limited(self, attempts: Attempts) -> None:
        assert [await refused(attempts, ADA, None) for _ in range(4)] == [False] * 3 + [True]

    async def test_count_of_sign_ins_is_reset_by_a_success(self, attempts: Attempts) -> None:
        for _ in range(2):
            for _ in range(2):
                await attempts.sign_in(ADA, "a")
            await attempts.signed_in(ADA, "a")
        assert not await refused(attempts, ADA, "a")

    async def test_sign_ins_from_one_address_are_limited_at_any_account(
        self, attempts: Attempts
    ) -> None:
        tried = [await refused(attempts, f"user{number}@example.com", "a") for number in range(9)]
        assert tried == [False] * 8 + [True]
        assert not await refused(attempts, "user9@example.com", "b")

    async def test_sign_in_at_no_account_is_counted_by_address_only(
        self, attempts: Attempts
    ) -> None:
        assert [await refused(attempts, None, "a") for _ in range(9)] == [False] * 8 + [True]
        assert [await refused(attempts, None, None) for _ in range(9)] == [False] * 9
        await attempts.signed_in(None, "a")
        assert not await refused(attempts, ADA, "b")

    async def test_sign_in_of_the_owner_is_checked_whatever_others_do(
        self, attempts: Attempts
    ) -> None:
        for number in range(60):
            await refused(attempts, ADA, f"attacker {number % 20}")
        assert not await refused(attempts, ADA, "owner")
        await attempts.signed_in(ADA, "owner")
        assert not await refused(attempts, ADA, "owner")

    async def test_account_under_attack_takes_one_sign_in_of_each_address(
        self, attempts: Attempts
    ) -> None:
        for number in range(6):
            assert not await refused(attempts, ADA, f"attacker {number}")
        for number in range(6, 9):
            tried = [await refused(attempts, ADA, f"attacker {number}") for _ in range(3)]
            assert tried == [False, True, True]

    async def test_account_under_attack_takes_one_sign_in_of_each_ipv6_site(
        self, attempts: Attempts
    ) -> None:
        for number in range(6):
            assert not await refused(attempts, ADA, f"2001:db8:1:{number}::/64")
        tried = [await refused(attempts, ADA, f"2001:db8:2:{number}::/64") for number in range(3)]
        assert tried == [False, True, True]
        await attempts.signed_in(ADA, "2001:db8:2::/64")
        assert not await refused(attempts, ADA, "2001:db8:2:9::/64")

    async def test_sign_ins_are_counted_by_all_processes_together(
        self, attempts: Attempts, other_windows: Windows
    ) -> None:
        other = Attempts(other_windows, LIMITS)
        tried = [await refused(one, ADA, "a") for one in (attempts, other) * 2]
        assert tried == [False, False, False, True]

    async def test_sign_ins_are_counted_without_redis(self, lonely_windows: Windows) -> None:
        attempts = Attempts(lonely_windows, LIMITS)
        assert [await refused(attempts, ADA, "a") for _ in range(4)] == [False] * 3 + [True]
        await attempts.signed_in(ADA, "a")
        assert not await refused(attempts, ADA, "a")


class TestSignUp:
    async def test_sign_ups_from_one_address_are_limited(self, attempts: Attempts) -> None:
        for number in range(2):
            await attempts.sign_up(f"user{number}@example.com", "a")
        with pytest.raises(RateLimited):
            await attempts.sign_up("user2@example.com", "a")
        await attempts.sign_up("user2@example.com", "b")
        await attempts.sign_up(None, None)

    async def test_sign_ups_with_one_account_are_limited_until_one_succeeds(
        self, attempts: Attempts
    ) -> None:
        for _ in range(2):
            await attempts.sign_up(ADA, None)
        with pytest.raises(RateLimited):
            await attempts.sign_up(ADA, None)
        await attempts.signed_up(ADA, None)
        await attempts.sign_up(ADA, None)


class TestMail:
    async def test_mail_is_counted_for_each_account_and_kind(self, attempts: Attempts) -> None:
        for number in range(2):
            await attempts.mail("verification", [ADA, f"user{number}@example.com"], "a")
        for accounts in ([ADA], ["new@example.com", ADA], [ADA, ADA]):
            with pytest.raises(RateLimited):
                await attempts.mail("verification", accounts, "a")
        await attempts.mail("password", [ADA], "a")

    async def test_mail_to_one_account_twice_in_a_request_is_counted_once(
        self, attempts: Attempts
    ) -> None:
        for _ in range(2):
            await attempts.mail("verification", [ADA, ADA], "a")

    async def test_mails_from_one_address_are_limited_for_any_account(
        self, attempts: Attempts
    ) -> None:
        for number in range(5):
            await attempts.mail("verification", [f"user{number}@example.com"], "a")
        with pytest.raises(RateLimited):
            await attempts.mail("verification", ["user9@example.com"], "a")


@pytest.fixture(params=["windows", "lonely_windows"])
def resets(request: pytest.FixtureRequest) -> Attempts:
    """Attempts with Redis, and without."""
    return Attempts(request.getfixturevalue(request.param), LIMITS)


async def no_mail(attempts: Attempts, account: str | None, address: str | None) -> bool:
    try:
        await attempts.reset(account, address)
    except RateLimited as error:
        return 1 <= error.retry_after_seconds <= 3600
    return False


class TestReset:
    async def test_resets_of_one_account_are_limited(self, resets: Attempts) -> None:
        assert [await no_mail(resets, ADA, "a") for _ in range(3)] == [False, False, True]
        assert not await no_mail(resets, "bob@example.com", "a")
        assert not await no_mail(resets, ADA, "b")

    async def test_resets_on_the_machine_itself_are_limited(self, resets: Attempts) -> None:
        assert [await no_mail(resets, ADA, None) for _ in range(3)] == [False, False, True]

    async def test_resets_from_one_address_are_limited_for_any_account(
        self, resets: Attempts
    ) -> None:
        tried = [await no_mail(resets, f"user{number}@example.com", "a") for number in range(6)]
        assert tried == [False] * 5 + [True]
        assert not await no_mail(resets, "user9@example.com", "b")

    async def test_account_under_attack_has_one_reset_for_each_address(
        self, resets: Attempts
    ) -> None:
        for number in range(10):
            await no_mail(resets, ADA, f"attacker {number}")
        assert [await no_mail(resets, ADA, "owner") for _ in range(2)] == [False, True]

    async def test_resets_are_not_counted_with_sign_ins(self, resets: Attempts) -> None:
        for _ in range(3):
            await no_mail(resets, ADA, "a")
        assert not await refused(resets, ADA, "a")

    async def test_attempts_with_a_token_are_counted_by_address(self, resets: Attempts) -> None:
        for _ in range(LIMITS.sign_ins_per_address):
            await resets.by_token("a")
        with pytest.raises(RateLimited):
            await resets.by_token("a")
        await resets.by_token("b")
