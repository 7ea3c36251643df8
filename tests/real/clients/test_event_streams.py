"""Server-sent events with clients of others: an EventSource, and the graphql-sse client."""

import asyncio
import json
from pathlib import Path

import uvicorn

from tests.client import Api, Member
from tests.real.clients.node import line, told_by
from tests.sockets import address_of

HERE = Path(__file__).parent
CHANGES = "subscription { itemChanged { id } }"


async def heard_first(api: Api, owner: Member, output: asyncio.StreamReader) -> None:
    """Creates items until an event arrives; then reads up to the event of the last item."""
    heard = asyncio.ensure_future(line(output))
    written = [await api.item(owner)]
    while not (await asyncio.wait([heard], timeout=0.1))[0]:
        written.append(await api.item(owner))
    told = await heard
    while written[-1] not in told:
        told = await line(output)


class TestEventSource:
    async def test_event_source_reconnects_by_itself_and_misses_no_event(
        self, api: Api, server: uvicorn.Server, packages: Path
    ) -> None:
        owner = await api.user()
        url = f"http://{address_of(server)}/graphql"
        async with told_by(HERE / "event_source.mjs", packages, url=url, query=CHANGES) as output:
            assert await line(output) == "open"
            # A stream reports "open" before its subscription has started.
            await heard_first(api, owner, output)
            for connection in list(server.server_state.connections):
                connection.transport.abort()  # pyright: ignore
            written = [await api.item(owner) for _ in range(3)]
            assert [await line(output) for _ in range(2)] == ["error", "open"]
            written.append(await api.item(owner))
            assert [await line(output) for _ in written] == [f"next {id}" for id in written]

    async def test_event_source_gets_complete_after_a_query(
        self, server: uvicorn.Server, packages: Path
    ) -> None:
        url = f"http://{address_of(server)}/graphql"
        query = "{ __typename }"
        async with told_by(HERE / "event_source.mjs", packages, url=url, query=query) as output:
            assert await line(output) == "open"
            told = [await line(output) for _ in range(2)]
            assert told == [
                'next {"data":{"__typename":"Query"},"extensions":{"cost":0}}',
                "complete",
            ]


class TestGraphqlSse:
    async def test_graphql_sse_runs_operations_of_every_type(
        self, api: Api, server: uvicorn.Server, packages: Path
    ) -> None:
        owner = await api.user()
        create = 'mutation { createItem(input: {title: "By SSE"}) { item { title } } }'
        async with told_by(
            HERE / "graphql_sse.mjs",
            packages,
            url=f"http://{address_of(server)}/graphql",
            token=owner.token,
            queries=["{ viewer { name } }", create, "{ nothing }", CHANGES],
        ) as output:
            assert (
                await line(output)
                == 'next {"data":{"viewer":{"name":"Ada"}},"extensions":{"cost":2}}'
            )
            assert await line(output) == "complete"
            assert "By SSE" in await line(output)
            assert await line(output) == "complete"
            refused = json.loads((await line(output)).removeprefix("next "))
            assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert await line(output) == "complete"
            await heard_first(api, owner, output)
