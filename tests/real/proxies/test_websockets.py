"""WebSockets through proxies: queries and live updates, beside requests over HTTP."""

from tests.client import Member
from tests.live import change, subscribed
from tests.real.proxies.site import VIEWER, Site
from tests.sockets import connecting


class TestSocket:
    async def test_query_is_answered(self, site: Site) -> None:
        for person in site.honest:
            async with connecting(site.socket_url) as socket:
                await socket.open(Authorization=f"Bearer {person.token}")
                await socket.subscribe("1", VIEWER)
                answer = await socket.receive()
                assert answer["payload"]["data"] == {"viewer": {"name": person.name}}
                assert await socket.receive() == {"id": "1", "type": "complete"}

    async def test_change_reaches_its_subscriber(self, site: Site) -> None:
        owner = site.honest[0]
        member = Member(owner.key, owner.token)
        async with subscribed(site.socket_url, member) as socket:
            await site.create_item(owner)
            assert (await change(socket))["item"] == {
                "title": "Honest",
                "owner": {"name": owner.name},
            }

    async def test_requests_are_served_while_a_socket_is_open(self, site: Site) -> None:
        async with connecting(site.socket_url) as socket:
            await socket.open()
            await site.assert_serves_everybody()
            await socket.ping()
        await site.assert_serves_everybody()
