"""The machine of interleavings, run for long, and pointed at what is broken."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.weft.cache.interleaved import Interleaved
from tests.weft.cache.test_interleaving import STORIES
from tests.weft.cache.test_model import SEARCH as SHORT_SEARCH

SEARCH = settings(SHORT_SEARCH, max_examples=6000, stateful_step_count=50)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class TestSearch:
    def test_finds_nothing(self) -> None:
        run_state_machine_as_test(Interleaved, settings=SEARCH)

    @pytest.mark.parametrize("broken", STORIES)
    def test_finds_what_is_broken(self, broken: type[Interleaved]) -> None:
        with pytest.raises(AssertionError, match="lacks"):
            run_state_machine_as_test(broken, settings=SEARCH)
