"""Measures the memory of each cache, full of the heaviest entries that clients can cause."""

import gc
import tracemalloc

import pytest

from settings import Settings
from tests.fillings import Filling
from tests.fillings_of_clients import FILLINGS
from weft.bounds import BOUNDS, Bound
from weft.cache.filler import Filler
from weft.declare import identity

ROOM_BYTES = 2_000_000
"""The bound of each cache in these tests, except of those with a fixed bound."""
LEAST = 0.15
"""A full cache takes at least this share of its bound; estimates are for the heaviest entries."""
FIXED = {"Changes", "Addresses", "Media types", "Decoded IDs", "Encoded IDs"}
CASES = [(bound, fill) for bound in BOUNDS for fill in FILLINGS.get(bound.name, ())]


class TestBounds:
    def test_all_bounds_are_measured(self) -> None:
        assert {bound.name for bound in BOUNDS} == set(FILLINGS)

    def test_bounds_are_the_defaults_of_their_settings(self) -> None:
        for bound in BOUNDS:
            if bound.setting is not None:
                field = Settings.model_fields[bound.setting.lower()]
                assert field.default == bound.max_bytes

    @pytest.mark.parametrize(
        ("bound", "fill"), CASES, ids=[f"{bound.name} {n}" for n, (bound, _) in enumerate(CASES)]
    )
    async def test_cache_stays_within_its_bound(
        self, bound: Bound, fill: Filling, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        identity.decode_id.cache_clear()
        room = bound.max_bytes if bound.name in FIXED else ROOM_BYTES
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            filled = fill(room, monkeypatch)
            kept = await filled if hasattr(filled, "__await__") else filled
            gc.collect()
            taken = tracemalloc.get_traced_memory()[0] - before
            if isinstance(kept, Filler):
                await kept.aclose()
        finally:
            tracemalloc.stop()
        assert LEAST * room < taken <= room
