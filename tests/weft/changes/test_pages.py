"""The part of the log that is in memory: what it gives is the log, or nothing."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.bounds import CHANGES
from weft.changes.change import Change, ChangeKind
from weft.changes.pages import PAGE, LogPages

AT = datetime(2030, 1, 1, tzinfo=UTC)
LAST = 3 * PAGE + 10
LOG = [
    Change(position, "Thing", position, ChangeKind.CREATED, None, {"state": "new"}, AT, position)
    for position in range(1, LAST + 1)
]
NEAR = st.sampled_from(
    sorted({edge + off for edge in range(0, LAST, PAGE) for off in range(-3, 4)} - {-3, -2, -1})
)
RANGES = st.tuples(NEAR, st.sampled_from([1, 2, 5, PAGE - 1, PAGE, PAGE + 1]))
RUNS = settings(deadline=None, database=None, max_examples=200)


class TestPages:
    @RUNS
    @given(read=st.lists(RANGES, max_size=12), after=st.lists(NEAR, min_size=1, max_size=8))
    def test_give_what_follows_in_the_log_or_nothing(
        self, read: list[tuple[int, int]], after: list[int]
    ) -> None:
        pages = LogPages()
        known: set[int] = set()
        for position, count in read:
            changes = LOG[position : position + count]
            pages.remember(changes)
            known.update(change.position for change in changes)
            for asked in (position, *after):
                given_ = pages.after(asked)
                if given_ is None:
                    continue
                end = asked - asked % PAGE + PAGE
                assert given_ == LOG[asked : asked + len(given_)]
                assert given_[-1].position <= end
                assert known.issuperset(change.position for change in given_)
            if changes:
                assert pages.after(position)  # what was read last is there

    @RUNS
    @given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=40))
    def test_of_what_is_heard_are_as_complete_as_what_is_read(self, sizes: list[int]) -> None:
        heard, read = LogPages(), LogPages()
        start = 0
        for size in sizes:
            heard.remember(LOG[start : start + size])
            start += size
        read.remember(LOG[:start])
        for position in range(0, min(start, LAST), 97):
            assert heard.after(position) == read.after(position)
        assert read.bytes <= heard.bytes <= read.bytes + 8 * len(sizes)

    def test_give_nothing_where_something_is_missing(self) -> None:
        pages = LogPages()
        pages.remember(LOG[:3] + LOG[4:6])
        pages.remember(LOG[10:20])
        assert pages.after(2) is None
        assert pages.after(9) is None
        assert pages.after(20) is None
        assert pages.after(10) == LOG[10:20]

    def test_take_no_more_than_they_may(self) -> None:
        pages = LogPages(CHANGES.of(1_000_000))
        most = 0
        for start in range(0, LAST, 100):
            pages.remember(LOG[start : start + 100])
            pages.after(start)
            most = max(most, pages.bytes)
        assert 100_000 < most <= 1_000_000

    def test_are_not_lost_by_one_that_reads_the_whole_log(self) -> None:
        """What is read again and again stays."""
        pages = LogPages(CHANGES.of(20 * PAGE * 600))
        pages.remember(LOG[:PAGE])
        assert pages.after(0)
        for number in range(1, 100):
            first = number * PAGE + 1
            swept = [
                Change(position, "Thing", 1, ChangeKind.DELETED, None, None, AT, 1)
                for position in range(first, first + PAGE)
            ]
            pages.remember(swept)
        assert pages.after(0) == LOG[:PAGE]
