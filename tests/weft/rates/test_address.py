"""Whom a client is counted as."""

import pytest

from weft.rates.address import counted_address


@pytest.mark.parametrize(
    ("client", "forwarded", "counted"),
    [
        (("203.0.113.7", 1), False, "203.0.113.7"),
        (("203.0.113.7", 1), True, "203.0.113.7"),
        (("::ffff:203.0.113.7", 1), False, "203.0.113.7"),
        (("2001:db8:1:2:3:4:5:6", 1), False, "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 1), False, "2001:db8:1:2::/64"),
        (("127.0.0.1", 1), False, None),
        (("127.0.0.1", 1), True, "proxy"),
        (("::1", 1), False, None),
        (("::ffff:127.0.0.1", 1), False, None),
        (None, False, None),
        (("nonsense", 0), True, "proxy"),
    ],
)
def test_counted_address(
    client: tuple[str, int] | None, forwarded: bool, counted: str | None
) -> None:
    headers = {b"x-forwarded-for": b"198.51.100.1"} if forwarded else {}
    assert counted_address({"client": client}, headers) == counted
