"""Parsers on good inputs that were damaged, and on noise. `make fuzz-parsers` goes on."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.parsers import targets
from tests.parsers.targets import SEEDS, end_talks


@pytest.fixture(scope="module", autouse=True)
def own_loop() -> Iterator[None]:
    yield
    end_talks()


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed, some of whose parts are cut out, put elsewhere, repeated or overwritten."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, len(data)))
        part = draw(st.sampled_from([b"", data[start:end] * 3, data[:20]]) | st.binary(max_size=8))
        data = data[:start] + part + data[end:]
    return data


@pytest.mark.parametrize("target", SEEDS)
def test_no_bytes_fail(target: Callable[[bytes], None]) -> None:
    for seed in SEEDS[target]:
        target(seed)

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(damaged(SEEDS[target]) | st.binary(max_size=200))
    def run(data: bytes) -> None:
        target(data)

    run()


def test_seeds_are_answered() -> None:
    """What is fuzzed is alive: else nothing could fail."""
    post, chunked, get, _, cookie, _ = SEEDS[targets.http]
    for request in (post, chunked, get):
        assert b'{"data":{"hello":"world"}}' in targets.talk(request)
    assert b'{"data":{"viewer":"ada"}}' in targets.talk(cookie)
    assert b'"hello":"world"' in targets.talk(targets.HANDSHAKE, *SEEDS[targets.socket])
