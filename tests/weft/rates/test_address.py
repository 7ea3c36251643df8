"""The address by which a client is counted."""

import pytest

from weft.rates.address import counted_address, network_of
from weft.transport.headers import address_of


@pytest.mark.parametrize(
    ("client", "forwarded", "counted"),
    [
        (("203.0.113.7", 1), False, "203.0.113.7"),
        (("203.0.113.7", 1), True, "203.0.113.7"),
        (("::ffff:203.0.113.7", 1), False, "203.0.113.7"),
        (("2001:db8:1:2:3:4:5:6", 1), False, "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 1), False, "2001:db8:1:2::/64"),
        (("::ffff:cb00:7107", 1), False, "203.0.113.7"),
        (("0:0:0:0:0:FFFF:203.0.113.7", 1), False, "203.0.113.7"),
        (("64:ff9b::cb00:7107", 1), False, "203.0.113.7"),
        (("2002:cb00:7107:5:6:7:8:9", 1), False, "203.0.113.7"),
        (("2001:0DB8:0001:2:FFFF::1", 1), False, "2001:db8:1:2::/64"),
        (("2001:db8:1:2::1%eth0", 1), False, "2001:db8:1:2::/64"),
        (("127.0.0.1", 1), False, None),
        (("127.1.2.3", 1), False, None),
        (("127.0.0.1", 1), True, "proxy"),
        (("::1", 1), False, None),
        (("::ffff:127.0.0.1", 1), False, None),
        (None, False, None),
        (("nonsense", 0), True, "proxy"),
        (("2001:db8::1%" + "x" * 100_000, 0), True, "proxy"),
    ],
)
def test_client_is_counted_by_its_address(
    client: tuple[str, int] | None, forwarded: bool, counted: str | None
) -> None:
    headers = {b"x-forwarded-for": b"198.51.100.1"} if forwarded else {}
    assert counted_address({"client": client}, headers) == counted


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("::ffff:203.0.113.7", 1), "203.0.113.7"),
        (("127.0.0.1", 1), ""),
        (("::1", 1), ""),
        (("nonsense", 0), ""),
        (None, ""),
    ],
)
def test_sockets_and_streams_are_counted_by_the_same_address(
    client: tuple[str, int] | None, counted: str
) -> None:
    assert address_of({"client": client}) == counted


@pytest.mark.parametrize(
    ("counted", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("proxy", "proxy"),
        (None, None),
    ],
)
def test_network_surrounds_the_counted_address(counted: str | None, network: str | None) -> None:
    assert network_of(counted) == network
