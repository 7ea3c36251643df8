"""The bytes that a process holds for clients that do not read their responses are bounded."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.server.line import Line, line
from weft.server.shared import ConnectionLimits, Shared
from weft.server.unsent import UnsentAnswers

BYTES = 8_000_000
"""The length of a response: more than the system's own buffers hold."""
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CLIENTS = ["203.0.113.7", "203.0.113.8", "2001:db8:1:2::/64"]


@dataclass(eq=False)
class Recorded:
    """A fake connection that records in `cuts` that it was dropped."""

    client: str
    cuts: list["Recorded"]

    def cut(self) -> None:
        self.cuts.append(self)


@dataclass
class Model:
    """Waiting bytes by connection, in the order in which they began to wait."""

    waiting: dict[Recorded, int] = field(default_factory=dict[Recorded, int])

    def of(self, client: str) -> int:
        return sum(bytes_ for one, bytes_ in self.waiting.items() if one.client == client)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["hold", "release"]), st.integers(1, 60)),
        max_size=60,
    )
)
def test_bound_drops_the_longest_waiting_connection_of_the_largest_client(
    steps: list[tuple[int, str, int]],
) -> None:
    unsent = UnsentAnswers(lambda address: address, 100)
    cuts: list[Recorded] = []
    connections = [Recorded(CLIENTS[number % 3], cuts) for number in range(9)]
    model = Model()
    for number, step, waiting_bytes in steps:
        connection = connections[number]
        if step == "release":
            unsent.release(connection)
            model.waiting.pop(connection, None)
        else:
            model.waiting[connection] = waiting_bytes
            unsent.hold(connection, connection.client, waiting_bytes)
        for cut in cuts:
            most = max(map(model.of, CLIENTS))
            assert sum(model.waiting.values()) > 100
            assert model.of(cut.client) == most
            assert cut is next(one for one in model.waiting if one.client == cut.client)
            del model.waiting[cut]
        cuts.clear()
        assert unsent.bytes == sum(model.waiting.values()) <= 100


class Large:
    """Answers all requests with many bytes, and counts them."""

    def __init__(self) -> None:
        self.served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1
        await large(scope, receive, send)


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request with many bytes."""
    headers = [(b"content-length", b"%d" % BYTES)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(BYTES)})


async def test_clients_that_read_nothing_hold_no_more_than_the_bound() -> None:
    shared = Shared(ConnectionLimits(keep_alive_seconds=PATIENCE_SECONDS), unsent_bytes=2 * BYTES)
    application = Large()
    async with listening(application, shared=shared) as server, AsyncExitStack() as stack:
        address, state = address_of(server), server.server_state
        lines: list[Line] = []
        for number in range(8):
            lines.append(await stack.enter_async_context(line(address, receive_bytes=4_096)))
            lines[-1].writer.write(GET)
            await until(lambda number=number: application.served > number)
            assert 0 < shared.unsent.bytes <= 2 * BYTES
        await until(lambda: len(state.connections) < 8)
        whole = [len(await one.answer()) > BYTES for one in lines]
        assert whole == sorted(whole), "those that have waited longest are cut"
        assert not whole[0]
        assert whole[-1]
        await until(lambda: not shared.unsent.bytes)


async def test_response_that_was_read_is_not_counted() -> None:
    shared = Shared(ConnectionLimits(keep_alive_seconds=PATIENCE_SECONDS), unsent_bytes=2 * BYTES)
    async with (
        listening(large, shared=shared) as server,
        line(address_of(server), receive_bytes=65_536) as one,
    ):
        for _ in range(5):
            assert len(await one.says(GET)) > BYTES
        await until(lambda: not shared.unsent.bytes)


async def test_next_request_of_a_pipeline_waits_until_the_client_has_read() -> None:
    application, requests = Large(), 5
    async with (
        listening(application, shared=Shared(ConnectionLimits())) as server,
        line(address_of(server), receive_bytes=65_536) as one,
        line(address_of(server)) as other,
    ):
        one.writer.write(GET * requests)
        await until(lambda: application.served > 0)
        for served in range(1, requests + 1):
            # The other connection's turns of the loop are turns for this one too.
            assert len(await other.says(GET)) > BYTES
            assert application.served == 2 * served
            assert len(await one.answer()) > BYTES
            await until(lambda served=served: application.served >= min(2 * served + 1, 10))
        assert len(await one.says(GET)) > BYTES


async def test_shutdown_ends_a_connection_whose_client_has_not_read() -> None:
    application = Large()
    async with listening(application, shared=Shared(ConnectionLimits())) as server:
        async with line(address_of(server), receive_bytes=65_536) as one:
            one.writer.write(GET * 2)
            await until(lambda: application.served > 0)
            for connection in list(server.server_state.connections):
                connection.shutdown()
            assert len(await one.answer()) > BYTES
            assert await one.answer() == b""
        assert application.served == 1


async def test_unreadable_request_is_refused_after_a_response_that_has_to_be_read() -> None:
    application = Large()
    async with (
        listening(application, shared=Shared(ConnectionLimits())) as server,
        line(address_of(server), receive_bytes=65_536) as one,
    ):
        one.writer.write(GET + b"nonsense\r\n\r\n")
        assert len(await one.answer()) > BYTES
        assert (await one.answer()).startswith(b"HTTP/1.1 400 ")
