"""An upgrade that is not accepted is ignored: the request is served as HTTP/1.1 (RFC 9110, 7.8)."""

from collections.abc import Mapping

import pytest

from tests.real.proxies.hostile import JAVA, UPGRADE
from tests.real.proxies.site import VIEWER, Person, Site, assert_is_of
from tests.real.proxies.wire import JSON, chunked, connected, operation, request

UPGRADES: Mapping[str, dict[str, str]] = {
    "Java": JAVA,
    # In curl's own order and case.
    "curl": {
        "User-Agent": "curl/7.88.1",
        "Accept": "*/*",
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    },
    "an unknown protocol": UPGRADE | {"Upgrade": "foo"},
    "several protocols": UPGRADE | {"Upgrade": "foo, h2c, TLS/1.0"},
    "small letters": {"connection": "keep-alive, upgrade", "upgrade": "h2c"},
    "a socket by POST": UPGRADE | {"Upgrade": "websocket"},
    "none": {},
}
LARGE = f"# {'.' * 100_000}\n{VIEWER}"


HANDSHAKES_BY_GET = {"a socket by POST"}
every_upgrade = pytest.mark.parametrize("upgrade", UPGRADES)


class TestUpgrade:
    @every_upgrade
    async def test_operation_is_answered(self, site: Site, upgrade: str) -> None:
        await assert_answered(site, [posted(person, upgrade) for person in site.honest])

    @pytest.mark.parametrize("upgrade", sorted(UPGRADES.keys() - HANDSHAKES_BY_GET))
    async def test_query_by_get_is_answered(self, site: Site, upgrade: str) -> None:
        queries = [
            request(
                method="GET",
                target="/graphql?query={viewer{name}}",
                headers=UPGRADES[upgrade],
                token=person.token,
            )
            for person in site.honest
        ]
        await assert_answered(site, queries)

    @every_upgrade
    async def test_large_body_is_read(self, site: Site, upgrade: str) -> None:
        await assert_answered(site, [posted(person, upgrade, LARGE) for person in site.honest])

    @every_upgrade
    async def test_body_in_chunks_is_read(self, site: Site, upgrade: str) -> None:
        body = operation(VIEWER)
        headers = JSON | UPGRADES[upgrade] | {"Transfer-Encoding": "chunked"}
        chunks = chunked(body[:7], body[7:])
        await assert_answered(
            site, [request(chunks, headers=headers, token=person.token) for person in site.honest]
        )

    @every_upgrade
    async def test_body_sent_byte_by_byte_is_read(self, site: Site, upgrade: str) -> None:
        person = site.honest[0]
        async with connected(site.address) as wire:
            for byte in posted(person, upgrade):
                wire.send(bytes([byte]))
                await wire.sent()
            assert_is_of(await wire.response(), person)


def posted(person: Person, upgrade: str, query: str = VIEWER) -> bytes:
    return request(operation(query), headers=JSON | UPGRADES[upgrade], token=person.token)


async def assert_answered(site: Site, requests: list[bytes]) -> None:
    """Sends both requests on one connection, and then both at once on another."""
    async with connected(site.address) as wire:
        for asked, person in zip(requests, site.honest, strict=True):
            wire.send(asked)
            assert_is_of(await wire.response(), person)
    async with connected(site.address) as wire:
        wire.send(b"".join(requests))
        for person in site.honest:
            assert_is_of(await wire.response(), person)
