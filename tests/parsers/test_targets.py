"""Runs the parsers on damaged valid inputs and on noise. `make fuzz-parsers` does so for longer."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.parsers import targets
from tests.parsers.frames import HANDSHAKE
from tests.parsers.streams import damaged
from tests.parsers.targets import SEEDS, end_talks


@pytest.fixture(scope="module", autouse=True)
def own_loop() -> Iterator[None]:
    yield
    end_talks()


@pytest.mark.parametrize("target", SEEDS)
def test_no_bytes_fail_a_target(target: Callable[[bytes], None]) -> None:
    for seed in SEEDS[target]:
        target(seed)

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(damaged(st.sampled_from(SEEDS[target])) | st.binary(max_size=200))
    def run(data: bytes) -> None:
        target(data)

    run()


def test_seeds_are_answered() -> None:
    """The server under test works: a dead one could not fail."""
    post, chunked, get, _, cookie, _ = SEEDS[targets.http]
    for request in (post, chunked, get):
        assert b'{"data":{"hello":"world"}}' in targets.talk(request)
    assert b'{"data":{"viewer":"ada"}}' in targets.talk(cookie)
    assert b'"hello":"world"' in targets.talk(HANDSHAKE, *SEEDS[targets.socket])
