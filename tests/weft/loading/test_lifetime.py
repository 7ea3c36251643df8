"""How long loaders keep values and connections are lent, in the whole server."""

import asyncio
from contextlib import AsyncExitStack

from tests.client import Api, Member
from tests.waiting import soon, until
from tests.weft.loading.socket import Socket, connected

ITEM = "query ($id: ID!) { item(id: $id) { title owner { name } } }"
CHANGES = "subscription { itemChanged { kind item { title owner { name } } } }"
READERS = """
SELECT state FROM pg_stat_activity
WHERE application_name = 'weft read' AND datname = current_database()
"""


async def settled(api: Api, socket: Socket, owner: Member) -> None:
    """Waits until the subscription `s` of the socket listens, and has caught up."""
    heard = asyncio.ensure_future(socket.next("s"))
    written = 0
    while not heard.done():
        await api.item(owner, f"Knock {written}")
        written += 1
        await asyncio.wait([heard], timeout=0.1)
    result = await heard
    while result["data"]["itemChanged"]["item"]["title"] != f"Knock {written - 1}":
        result = await socket.next("s")


class TestMutation:
    async def test_mutation_forgets_what_was_loaded_after_each_root_field(self, api: Api):
        owner = await api.user("Ada")
        id = await api.item(owner)
        text = """mutation ($id: ID!) {
          before: updateItem(input: {id: $id, title: "One"}) { item { owner { name } } }
          updateProfile(input: {name: "Eva"}) { errors { code } }
          after: updateItem(input: {id: $id, title: "Two"}) { item { owner { name } } }
        }"""
        data = await api.data(text, {"id": id}, by=owner)
        assert data["before"]["item"]["owner"]["name"] == "Ada"
        assert data["after"]["item"]["owner"]["name"] == "Eva"


class TestSocket:
    async def test_each_operation_of_a_socket_loads_its_own_rows(self, api: Api):
        owner = await api.user("Ada")
        id = await api.item(owner, "Old")
        async with connected(api.app, owner.token) as socket:
            before = await socket.answer("1", ITEM, id=id)
            await api.connection.execute("UPDATE items SET title = 'New'")
            await api.connection.execute("UPDATE users SET name = 'Eva'")
            after = await socket.answer("2", ITEM, id=id)
        assert before["data"]["item"] == {"title": "Old", "owner": {"name": "Ada"}}
        assert after["data"]["item"] == {"title": "New", "owner": {"name": "Eva"}}

    async def test_each_event_of_a_socket_loads_its_own_rows(self, api: Api):
        owner = await api.user("Ada")
        async with connected(api.app, owner.token) as socket:
            socket.start("s", CHANGES)
            await settled(api, socket, owner)
            for name in ("Eva", "Ida"):
                await api.connection.execute("UPDATE users SET name = $1", name)
                await api.item(owner, f"Of {name}")
                event = (await socket.next("s"))["data"]["itemChanged"]
                assert event["item"] == {"title": f"Of {name}", "owner": {"name": name}}

    async def test_idle_socket_holds_no_connection(self, api: Api):
        owner = await api.user("Ada")
        id = await api.item(owner)
        async with AsyncExitStack() as stack:
            for _ in range(3 * api.settings.read_connections):
                socket = await stack.enter_async_context(connected(api.app, owner.token))
                socket.start("s", CHANGES)
                await settled(api, socket, owner)
            answers = await soon(asyncio.gather(*(api.data(ITEM, {"id": id}) for _ in range(20))))
            assert len(answers) == 20

            async def are_idle() -> bool:
                """True soon, since other subscriptions may still load the last write."""
                states = [row["state"] for row in await api.connection.fetch(READERS)]
                assert len(states) <= api.settings.read_connections
                return set(states) == {"idle"}

            await until(are_idle)


class TestRequests:
    async def test_concurrent_requests_share_statements(self, api: Api):
        owner = await api.user("Ada")
        ids = [await api.item(owner) for _ in range(40)]
        api.statements.clear()
        await soon(asyncio.gather(*(api.data(ITEM, {"id": id}) for id in ids)))
        # An item and an owner each; unshared it would be eighty.
        assert len(api.statements) < 20
