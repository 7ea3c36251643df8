"""A process at its limit of operations refuses more at once; and who may introspect."""

import asyncio

import httpx

from tests.sockets import connecting
from tests.waiting import PATIENCE_SECONDS, soon, until
from tests.weft.transport.toy import serving
from weft.transport.concurrency import InFlight


class TestOperationsAtOnce:
    async def test_operation_over_the_limit_is_503_until_one_ends(self) -> None:
        in_flight = InFlight(1)
        async with (
            serving(in_flight=in_flight) as server,
            httpx.AsyncClient(
                timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
            ) as client,
        ):
            slow = asyncio.create_task(client.post("/graphql", json={"query": "{ slow }"}))
            await soon(server.witness.begun.wait())
            refused = await client.post("/graphql", json={"query": "{ hello }"})
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["errors"][0]["extensions"] == {"code": "OVERLOADED"}
            async with connecting(server.socket_url) as socket:
                await socket.open()
                await socket.subscribe("1", "{ hello }")
                message = await socket.receive()
                assert message["payload"][0]["extensions"] == {"code": "OVERLOADED"}
            slow.cancel()
            await until(lambda: in_flight.count == 0)
            answered = await client.post("/graphql", json={"query": "{ hello }"})
            assert answered.json() == {"data": {"hello": "world"}}

    async def test_failed_operations_are_no_longer_counted(self) -> None:
        in_flight = InFlight(1)
        async with (
            serving(in_flight=in_flight) as server,
            httpx.AsyncClient(
                timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
            ) as client,
        ):
            for query in ("{ broken }", "{ nothing }", "{", "{ unwritable }"):
                await client.post("/graphql", json={"query": query})
            assert in_flight.count == 0


class TestIntrospection:
    QUERY = "{ __schema { queryType { name } } }"

    async def test_introspection_is_for_viewers_that_the_gate_allows(self) -> None:
        async with (
            serving() as server,
            httpx.AsyncClient(
                timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
            ) as client,
        ):
            shown = await client.post(
                "/graphql", json={"query": self.QUERY}, headers={"authorization": "Bearer good"}
            )
            assert shown.json()["data"]["__schema"]["queryType"]["name"] == "Query"
            for query in (self.QUERY, '{ __type(name: "Query") { name } }'):
                refused = await client.post("/graphql", json={"query": query})
                (error,) = refused.json()["errors"]
                assert error["extensions"] == {"code": "INTROSPECTION_REFUSED"}
            assert (await client.post("/graphql", json={"query": "{ __typename }"})).json() == {
                "data": {"__typename": "Query"}
            }

    async def test_name_suggestions_need_the_right_to_introspect(self) -> None:
        wrong: list[dict[str, object]] = [
            {"query": "{ helo }"},
            {"query": '{ echo(txt: "a") }'},
            {"query": "query($a: Strin) { echo(text: $a) }"},
        ]
        async with (
            serving() as server,
            httpx.AsyncClient(
                timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
            ) as client,
        ):
            for body in wrong:
                stranger = await client.post("/graphql", json=body)
                assert "Did you mean" not in stranger.text
                member = await client.post(
                    "/graphql", json=body, headers={"authorization": "Bearer good"}
                )
                assert "Did you mean" in member.text
