import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.loading.warehouse import outcomes, turns
from tests.weft.writing.ledger import End, Kind, Ledger, Request, Stage
from weft.errors import Unavailable
from weft.writing.joined import LANES, WRITES_PER_TRANSACTION, JoinedWrites


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes no wait end by itself while a test runs."""
    monkeypatch.setattr("weft.writing.joined.PATIENCE_SECONDS", PATIENCE_SECONDS)


def ask(joined: JoinedWrites[Stage], ledger: Ledger, *requests: Request) -> list[Any]:
    return [joined.submit(ledger.write, request.row, request) for request in requests]


def numbered(count: int) -> list[Request]:
    return [Request(number, row=number) for number in range(count)]


@pytest.mark.usefixtures("patient")
class TestJoining:
    async def test_writes_of_one_turn_join_in_one_transaction(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        asked = numbered(5)
        assert await outcomes(ask(joined, ledger, *asked)) == [0, 1, 2, 3, 4]
        assert ledger.batches == [asked]
        assert ledger.committed == asked

    async def test_writes_that_fill_two_transactions_take_two(self) -> None:
        ledger = Ledger(slowness=3)
        joined = JoinedWrites(ledger.begin)
        count = 2 * WRITES_PER_TRANSACTION
        assert await outcomes(ask(joined, ledger, *numbered(count))) == list(range(count))
        assert joined.transactions == ledger.most_at_once == 2

    async def test_writes_that_do_not_fit_are_shared_evenly_among_lanes(self) -> None:
        ledger = Ledger(slowness=3)
        joined = JoinedWrites(ledger.begin)
        count = WRITES_PER_TRANSACTION + 2
        assert await outcomes(ask(joined, ledger, *numbered(count))) == list(range(count))
        assert [len(batch) for batch in ledger.batches] == [count // 2, count // 2]
        assert ledger.most_at_once == 2

    async def test_writes_gather_while_every_lane_is_busy(self) -> None:
        ledger = Ledger(slowness=5)
        joined = JoinedWrites(ledger.begin, lanes=1)
        asked, waiting = numbered(9), list[Any]()
        for request in asked:
            waiting += ask(joined, ledger, request)
            await turns(1)
        assert await outcomes(waiting) == list(range(9))
        assert len(ledger.batches) == 2

    async def test_lone_write_begins_in_the_same_turn(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        waiting = ask(joined, ledger, Request(7, row=1))
        await turns(2)
        assert waiting[0].done()

    async def test_writes_that_come_while_a_transaction_begins_join_it(self) -> None:
        ledger = Ledger(slowness=4)
        joined = JoinedWrites(ledger.begin)
        for time in range(1, 4):
            asked, waiting = numbered(3), list[Any]()
            for request in asked:
                waiting += ask(joined, ledger, request)
                await turns(1)
            assert await outcomes(waiting) == [0, 1, 2]
            assert ledger.batches == [asked] * time
        assert ledger.most_at_once == 1

    async def test_few_writes_wait_while_a_larger_transaction_runs(self) -> None:
        ledger = Ledger(slowness=4)
        joined = JoinedWrites(ledger.begin)
        asked = numbered(10)
        waiting = ask(joined, ledger, *asked[:5])
        await turns(6)
        for request in asked[5:8]:
            waiting += ask(joined, ledger, request)
        await turns(1)
        assert ledger.at_once == 1
        waiting += ask(joined, ledger, *asked[8:])
        await turns(1)
        assert ledger.at_once == 2
        assert await outcomes(waiting) == list(range(10))
        assert ledger.batches == [asked[:5], asked[5:]]

    async def test_transaction_waits_for_half_as_many_writes_as_the_last_one_had(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        asked = numbered(6)
        await outcomes(ask(joined, ledger, *asked))
        waiting = ask(joined, ledger, *asked[:2])
        await turns(20)
        assert ledger.batches == [asked]
        waiting += ask(joined, ledger, asked[2])
        assert await outcomes(waiting) == [0, 1, 2]
        assert ledger.batches == [asked, asked[:3]]
        assert ledger.most_at_once == 1

    async def test_writes_of_one_row_never_join_and_keep_their_order(self) -> None:
        ledger = Ledger(slowness=1)
        joined = JoinedWrites(ledger.begin)
        asked = [Request(number, row=number % 2) for number in range(6)]
        assert await outcomes(ask(joined, ledger, *asked)) == [0, 1, 2, 3, 4, 5]
        assert ledger.batches == [asked[:2], asked[2:4], asked[4:]]

    async def test_write_cancelled_before_it_begins_is_left_out(self) -> None:
        ledger = Ledger(slowness=3)
        joined = JoinedWrites(ledger.begin, lanes=1, most=2)
        waiting = ask(joined, ledger, *numbered(5))
        await turns(5)
        waiting[0].cancel()
        waiting[3].cancel()
        await outcomes(waiting)
        # The first had begun: it is written, and blocks no other.
        assert [request.number for request in ledger.committed] == [0, 1, 2, 4]


class TestPatience:
    async def test_transaction_waits_for_more_writes_only_briefly(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        await outcomes(ask(joined, ledger, *numbered(6)))
        waiting = ask(joined, ledger, Request(7, row=7))
        assert await outcomes(waiting) == [7]

    async def test_write_waits_only_briefly_while_a_lane_is_free(self) -> None:
        ledger = Ledger(slowness=10)
        stuck = asyncio.Event()

        async def sticky(stage: Stage, requests: Sequence[Request]) -> list[int | None]:
            if requests[0].number == 0:
                await stuck.wait()
            return await ledger.write(stage, requests)

        joined = JoinedWrites(ledger.begin)
        waiting = [joined.submit(sticky, request.row, request) for request in numbered(5)]
        await turns(20)
        late = joined.submit(sticky, 9, Request(9, row=9))
        assert await soon(late) == 9
        assert not any(future.done() for future in waiting)
        stuck.set()
        assert await outcomes(waiting) == list(range(5))


class TestFailure:
    async def test_failed_write_leaves_each_request_to_be_retried_alone(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        asked = [Request(0, row=0), Request(1, row=1, kind=Kind.FAILS_ALL), Request(2, row=2)]
        assert await outcomes(ask(joined, ledger, *asked)) == [None, None, None]
        assert ledger.committed == []

    async def test_failure_to_begin_is_the_error_of_all_waiting_writes(self) -> None:
        ledger = Ledger([End.NEVER_BEGAN])
        joined = JoinedWrites(ledger.begin)
        errors = await outcomes(ask(joined, ledger, *numbered(3)))
        assert [str(error) for error in errors] == ["No connection is to be had."] * 3
        assert await outcomes(ask(joined, ledger, *numbered(3))) == [0, 1, 2]

    async def test_uncertain_commit_gives_each_request_an_error_of_its_own(self) -> None:
        ledger = Ledger([End.LOST_AFTER_COMMIT])
        joined = JoinedWrites(ledger.begin)
        errors = await outcomes(ask(joined, ledger, *numbered(3)))
        assert [type(error) for error in errors] == [Unavailable] * 3
        assert len({id(error) for error in errors}) == 3

    async def test_write_that_gives_too_few_answers_commits_nothing(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)

        async def forgetful(stage: Stage, requests: Sequence[Request]) -> list[int | None]:
            return (await ledger.write(stage, requests))[1:]

        asked = [joined.submit(forgetful, request.row, request) for request in numbered(2)]
        assert await outcomes(asked) == [None, None]
        assert ledger.committed == []


class TestClose:
    async def test_close_fails_waiting_writes_and_leaves_no_task(self) -> None:
        ledger = Ledger(slowness=1000)
        joined = JoinedWrites(ledger.begin, lanes=1, most=1)
        before = asyncio.all_tasks()
        waiting = ask(joined, ledger, *numbered(2))
        await turns(5)
        await joined.close()
        assert [type(error) for error in await outcomes(waiting)] == [Unavailable] * 2
        assert asyncio.all_tasks() <= before

    @pytest.mark.usefixtures("patient")
    async def test_close_ends_a_transaction_that_waits_for_more_writes(self) -> None:
        ledger = Ledger()
        joined = JoinedWrites(ledger.begin)
        await outcomes(ask(joined, ledger, *numbered(6)))
        waiting = ask(joined, ledger, Request(7, row=7))
        await turns(5)
        assert ledger.at_once == 1
        await joined.close()
        assert [type(error) for error in await outcomes(waiting)] == [Unavailable]
        assert ledger.at_once == 0
        assert len(ledger.committed) == 6


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 3), st.sampled_from(Kind)),
        st.tuples(st.just("ask"), st.integers(0, 3), st.just(Kind.DONE)),
        st.tuples(st.just("turns"), st.integers(1, 12)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
    ),
    max_size=40,
)
ENDS = st.lists(st.sampled_from([*End, End.COMMITTED, End.COMMITTED]), max_size=12)


class TestAnyHistory:
    @settings(max_examples=400, deadline=None)
    @given(steps=STEPS, ends=ENDS, slowness=st.integers(0, 3), most=st.integers(1, 4))
    def test_joined_writes_act_as_if_each_had_its_own_transaction(
        self, steps: list[Any], ends: list[End], slowness: int, most: int
    ) -> None:
        asyncio.run(soon(self.play(steps, Ledger(ends, slowness), most, bool(ends))))

    async def play(self, steps: list[Any], ledger: Ledger, most: int, may_fail: bool) -> None:
        joined = JoinedWrites(ledger.begin, most=most)
        waiting: list[tuple[Request, asyncio.Future[int | None]]] = []
        for step, *details in steps:
            if step == "ask":
                request = Request(len(waiting), *details)
                write = ledger.other_write if request.number % 2 else ledger.write
                waiting.append((request, joined.submit(write, request.row, request)))
            elif step == "turns":
                await turns(*details)
            elif details[0] < len(waiting):
                waiting[details[0]][1].cancel()
        answers = await outcomes(future for _, future in waiting)
        assert ledger.most_at_once <= LANES
        assert all(len(batch) <= most for batch in ledger.batches)
        for (request, _), answer in zip(waiting, answers, strict=True):
            self.check(request, answer, ledger, may_fail)
        for row in range(4):
            numbers = [request.number for request in ledger.committed if request.row == row]
            assert numbers == sorted(numbers)
        # Writes may have been cancelled while a transaction waited for them: it then ends empty.
        while ledger.at_once:
            await turns(1)
        # Whatever happened, the next write is committed.
        last = Request(-1, row=0)
        ledger.use_up_ends()
        assert await joined.submit(ledger.write, 0, last) == -1

    def check(self, request: Request, answer: Any, ledger: Ledger, may_fail: bool) -> None:
        times = ledger.committed.count(request)
        if answer is None:
            assert times == 0
            joined = next(batch for batch in ledger.batches if request in batch)
            failed = any(other.kind is Kind.FAILS_ALL for other in joined)
            assert may_fail or failed or request.kind is Kind.LEFT_ALONE
        elif isinstance(answer, BaseException):
            assert times <= 1
            assert isinstance(answer, asyncio.CancelledError | Unavailable)
            assert may_fail or isinstance(answer, asyncio.CancelledError)
        else:
            assert (answer, times) == (request.number, 1)
