"""The part of the log that is in memory: it returns what the log has, or nothing."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.bounds import CHANGES
from weft.changes.batch import Batch
from weft.changes.change import BEGINNING, Change, ChangeKind, Point
from weft.changes.pages import PAGE, LogPages

AT = datetime(2030, 1, 1, tzinfo=UTC)
LAST = 3 * PAGE + 10


def history(mark: bytes, first: int = 1, last: int = LAST) -> list[Change]:
    """Returns the changes of one history."""
    new, after = ChangeKind.CREATED, {"state": "new"}
    return [
        Change(position, mark, "Thing", position, new, None, after, AT, position)
        for position in range(first, last + 1)
    ]


LOG = history(b"undone")
RESTORED_AT = PAGE + 7
RESTORED = LOG[:RESTORED_AT] + history(b"kept  ", RESTORED_AT + 1)


def point(position: int, log: list[Change] = LOG) -> Point:
    """Returns the point of a history at a position."""
    return log[min(position, len(log)) - 1] if position else BEGINNING


def batch(start: int, end: int, log: list[Change] = LOG) -> Batch:
    """Returns the changes of a history after one position, up to another."""
    return Batch(point(start, log), log[start:end])


NEAR = st.sampled_from(
    sorted({edge + off for edge in range(0, LAST, PAGE) for off in range(-3, 4)} - {-3, -2, -1})
)
RANGES = st.tuples(NEAR, st.sampled_from([1, 2, 5, PAGE - 1, PAGE, PAGE + 1]))
RUNS = settings(deadline=None, database=None, max_examples=200)


class TestPages:
    @RUNS
    @given(read=st.lists(RANGES, max_size=12), after=st.lists(NEAR, min_size=1, max_size=8))
    def test_pages_return_what_follows_in_the_log_or_nothing(
        self, read: list[tuple[int, int]], after: list[int]
    ) -> None:
        pages = LogPages()
        known: set[int] = set()
        for position, count in read:
            changes = LOG[position : position + count]
            pages.remember(batch(position, position + count))
            known.update(change.position for change in changes)
            for asked in (position, *after):
                given_ = pages.after(point(asked))
                if given_ is None:
                    continue
                end = asked - asked % PAGE + PAGE
                assert given_ == LOG[asked : asked + len(given_)]
                assert given_[-1].position <= end
                assert known.issuperset(change.position for change in given_)
            if changes:
                assert pages.after(point(position))  # the last read is kept

    @RUNS
    @given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=40))
    def test_pages_of_many_batches_are_as_complete_as_of_one(self, sizes: list[int]) -> None:
        heard, read = LogPages(), LogPages()
        start = 0
        for size in sizes:
            heard.remember(batch(start, start + size))
            start += size
        read.remember(batch(0, start))
        for position in range(0, min(start, LAST), 97):
            assert heard.after(point(position)) == read.after(point(position))
        frames = 500 * len(sizes)  # what messages have beside their changes
        assert read.bytes <= heard.bytes <= read.bytes + frames

    def test_pages_return_nothing_if_the_next_change_is_missing(self) -> None:
        pages = LogPages()
        pages.remember(Batch(BEGINNING, LOG[:3] + LOG[4:6]))
        pages.remember(batch(10, 20))
        for position in (2, 9, 20):
            assert pages.after(point(position)) is None
        assert pages.after(point(10)) == LOG[10:20]

    @RUNS
    @given(
        read=st.lists(st.tuples(RANGES, st.booleans()), max_size=12),
        after=st.lists(NEAR, min_size=1, max_size=8),
    )
    def test_pages_do_not_mix_histories(
        self, read: list[tuple[tuple[int, int], bool]], after: list[int]
    ) -> None:
        pages = LogPages()
        for (start, count), is_restored in read:
            log = RESTORED if is_restored else LOG
            pages.remember(batch(start, start + count, log))
            for each in (LOG, RESTORED):
                for asked in (start, *after):
                    found = pages.after(point(asked, each)) or []
                    # Before the histories diverge, what follows may be of either.
                    histories = (LOG, RESTORED) if asked <= RESTORED_AT else (each,)
                    assert any(found == log[asked : asked + len(found)] for log in histories)
            if count and start < LAST:
                assert pages.after(point(start, log))  # the last read is kept

    def test_pages_stay_within_their_bytes(self) -> None:
        pages = LogPages(CHANGES.of(1_000_000))
        most = 0
        for start in range(0, LAST, 100):
            pages.remember(batch(start, start + 100))
            pages.after(point(start))
            most = max(most, pages.bytes)
        assert 100_000 < most <= 1_000_000

    def test_a_reader_of_the_whole_log_does_not_evict_a_page_read_twice(self) -> None:
        """A page that is read again stays."""
        pages = LogPages(CHANGES.of(20 * PAGE * 600))
        pages.remember(batch(0, PAGE))
        assert pages.after(BEGINNING)
        for number in range(1, 100):
            first = number * PAGE + 1
            swept = history(b"undone", first, first + PAGE - 1)
            pages.remember(Batch(Point(first - 1, b"undone"), swept))
        assert pages.after(BEGINNING) == LOG[:PAGE]
