"""Long runs of the state machines of the protocol and of interleavings, also on broken variants."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.long.pieces import PIECES, in_pieces, seeded
from tests.weft.cache.interleaved import Interleaved
from tests.weft.cache.model import GUARDS
from tests.weft.cache.test_interleaving import STORIES
from tests.weft.cache.test_model import SHORT, Cached, unguarded

EXAMPLES = 6000
SEARCH = settings(
    SHORT,
    max_examples=EXAMPLES,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
)
PIECE = settings(SEARCH, max_examples=EXAMPLES // PIECES)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class TestSearch:
    @in_pieces
    def test_interleavings_find_no_stale_read(self, piece: int) -> None:
        run_state_machine_as_test(seeded(Interleaved, piece), settings=PIECE)

    @pytest.mark.parametrize("broken", STORIES)
    def test_interleavings_find_each_broken_variant(self, broken: type[Interleaved]) -> None:
        with pytest.raises(AssertionError, match="lacks"):
            run_state_machine_as_test(broken, settings=SEARCH)


class TestProtocol:
    @in_pieces
    def test_protocol_finds_no_stale_read(self, piece: int) -> None:
        run_state_machine_as_test(seeded(Cached, piece), settings=PIECE)

    @pytest.mark.parametrize("guard", sorted(GUARDS))
    def test_protocol_without_a_guard_fails(self, guard: str) -> None:
        with pytest.raises(AssertionError):
            run_state_machine_as_test(unguarded(guard), settings=SEARCH)
