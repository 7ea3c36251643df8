"""Tries every published vulnerability of Strawberry, even where Weft does not use that code."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.client import Api
from tests.sockets import connecting
from tests.weft.transport.toy import Server, serving
from weft.declare.fields import Guard, field
from weft.declare.info import Info
from weft.errors import DeclarationError, Forbidden
from weft.transport.limits import SocketLimits

WEB = Path(__file__).parent.parent.parent / "web"
TICKS = "subscription { ticks { number } }"


async def refused(api: Api, text: str, **variables: Any) -> list[str]:
    errors = (await api.answer(text, variables))["errors"]
    return [error["extensions"]["code"] for error in errors]


async def test_cve_2024_47082_forms_with_files_are_refused(
    server: Server, client: httpx.AsyncClient
) -> None:
    operations = '{"query": "mutation { add }", "variables": {}}'
    files = {"operations": (None, operations), "map": (None, "{}"), "0": ("a.txt", b"a")}
    response = await client.post("/graphql", files=files)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert server.witness.counts["added"] == 0


async def test_cve_2025_22151_id_of_another_type_is_refused(api: Api) -> None:
    ada = await api.user()
    item = await api.item(ada)
    assert await refused(api, "query($id: ID!) { item(id: $id) { id } }", id=ada.id) == ["BAD_ID"]
    assert await refused(api, "query($id: ID!) { user(id: $id) { id } }", id=item) == ["BAD_ID"]
    for id, type_ in ((ada.id, "User"), (item, "Item")):
        text = "query($id: ID!) { node(id: $id) { __typename id } }"
        assert (await api.data(text, {"id": id}))["node"] == {"__typename": type_, "id": id}


async def test_cve_2026_35523_older_subprotocol_is_refused(server: Server) -> None:
    """The older protocol accepted operations before the handshake."""
    async with connect(
        server.socket_url, subprotocols=[Subprotocol("graphql-ws")], proxy=None
    ) as connection:
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4406


async def test_cve_2026_35526_subscriptions_of_a_socket_are_limited() -> None:
    limits = SocketLimits(operations=10, operations_per_second=10_000)
    async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
        await socket.open()
        for number in range(200):
            await socket.subscribe(str(number), TICKS)
        told = [(await socket.receive())["type"] for _ in range(190)]
        assert told == ["error"] * 190


def test_cve_2026_45739_page_writes_no_headers_into_its_url() -> None:
    sources = list(WEB.rglob("src/*.ts*"))
    assert sources
    for path in sources:
        written = re.search(r"pushState|replaceState|location\.(search|hash)", path.read_text())
        assert written is None, path


async def test_cve_2026_47706_circular_fragments_are_refused(api: Api) -> None:
    circle = "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    assert set(await refused(api, circle)) == {"GRAPHQL_VALIDATION_FAILED"}


async def test_cve_2026_47707_aliases_count_once_for_each_spread_of_their_fragment(
    api: Api,
) -> None:
    aliases = " ".join(f"a{number}: __typename" for number in range(90))
    parts = " ".join(f"fragment F{number} on Query {{ ...All ...All }}" for number in range(60))
    spreads = " ".join(f"...F{number}" for number in range(60))
    text = f"{{ {spreads} }} {parts} fragment All on Query {{ {aliases} }}"
    assert await refused(api, text) == ["DOCUMENT_LIMIT_EXCEEDED"]


async def test_cve_2026_107727_completed_operations_do_not_count_towards_the_limit() -> None:
    limits = SocketLimits(operations=3, operations_per_second=10_000)
    async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
        await socket.open()
        for number in range(30):
            await socket.subscribe(str(number), "subscription { count(to: 1) }")
            assert (await socket.receive())["type"] == "next"
            assert (await socket.receive())["type"] == "complete"


async def test_cve_2026_107728_awaitable_permission_grants_nothing() -> None:
    async def later(rows: Sequence[Any], _info: Any) -> list[bool]:
        return [False for _ in rows]

    async def names(rows: Sequence[int], info: Any) -> list[str]:
        """A field."""
        return ["secret" for _ in rows]

    with pytest.raises(DeclarationError):
        field(names, guard=Guard(later, "No."))  # pyright: ignore[reportArgumentType]
    waiting = Guard(lambda rows, info: [object() for _ in rows], "No.")  # pyright: ignore
    declared: Any = field(names, guard=waiting)
    (answer,) = await declared.spec.resolve([1], Info(None, "T.f"))
    assert isinstance(answer, Forbidden)
