"""The machine of interleavings, run for long, and pointed at what is broken."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.weft.cache.interleaved import Interleaved
from tests.weft.cache.test_interleaving import STORIES

SEARCH = settings(
    max_examples=6000,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


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
