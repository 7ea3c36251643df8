"""A value that is read again stays, within a number of bytes; an expired one is never returned."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weft.bounded_cache import ENTRY_BYTES, PROTECTED_SHARE, BoundedCache
from weft.bounds import Bound

KEYS = st.integers(0, 8)
TIMES = st.integers(0, 5)


def bound(max_bytes: int) -> Bound:
    return Bound("Test", "Values of a test.", max_bytes)


def entries(count: int, weight_bytes: int = 0) -> int:
    """Returns the bytes of `count` entries."""
    return count * (ENTRY_BYTES + weight_bytes)


class TestBoundedCache:
    def test_value_that_is_too_large_is_not_kept(self) -> None:
        cache: BoundedCache[str, str] = BoundedCache(bound(entries(10)))
        cache.put("heavy", "h", 3 * ENTRY_BYTES)
        cache.put("small", "s", 0)
        assert cache.get("heavy") is None
        assert cache.get("small") == "s"

    def test_value_replaced_by_one_that_is_too_large_is_dropped(self) -> None:
        cache: BoundedCache[str, str] = BoundedCache(bound(entries(10)))
        cache.put("key", "old", 0)
        cache.put("key", "new", 3 * ENTRY_BYTES)
        assert cache.get("key") is None
        assert (len(cache), cache.bytes) == (0, 0)

    def test_cache_of_no_bytes_keeps_nothing(self) -> None:
        cache: BoundedCache[str, str] = BoundedCache(bound(0))
        cache.put("key", "value", 0)
        assert cache.get("key") is None

    def test_new_hot_set_evicts_the_old_one(self) -> None:
        cache: BoundedCache[int, int] = BoundedCache(bound(entries(10)))
        for key in range(100):
            cache.put(key, key, 0)
            cache.get(key)
        assert cache.get(99) == 99
        assert cache.get(0) is None

    def test_protected_value_that_is_put_again_survives_a_sweep(self) -> None:
        cache: BoundedCache[object, int] = BoundedCache(bound(entries(10)))
        cache.put("hot", 1, 0)
        cache.get("hot")
        cache.put("hot", 2, 0)
        for key in range(100):
            cache.put(key, key, 0)
        assert cache.get("hot") == 2

    def test_expired_values_that_are_never_read_are_dropped(self) -> None:
        now = 0.0
        cache: BoundedCache[object, int] = BoundedCache(bound(entries(1000)), lambda: now)
        for key in range(100):
            cache.put(key, key, 0, expires_at=5)
        cache.get_all(range(50))
        cache.put("lasting", 0, 0, expires_at=100)
        now = 5.0
        for key in range(51):
            cache.put(f"other {key}", key, 0)
        assert len(cache) == 52


@given(st.integers(1, 40), st.integers(0, 300), st.integers(0, 2_000))
@settings(max_examples=50)
def test_values_read_twice_survive_a_sweep_of_any_weight(
    hot: int, hot_weight: int, weight: int
) -> None:
    room = int(entries(max(hot, 4), hot_weight) / PROTECTED_SHARE) + ENTRY_BYTES
    cache: BoundedCache[int, int] = BoundedCache(bound(room))
    for key in range(hot):
        cache.put(key, key, hot_weight)
        cache.get(key)
    for key in range(1_000, 1_500):
        cache.put(key, key, weight)
    assert cache.get_all(range(hot)) == list(range(hot))


class Model(RuleBasedStateMachine):
    """After any steps, the bytes are those of the entries, and every value there was put."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.numbers = iter(range(1_000_000))
        self.put_last: dict[int, tuple[int, int, float | None]] = {}
        self.cache: BoundedCache[int, int] = BoundedCache(bound(entries(5, 60)), lambda: self.now)

    @rule(key=KEYS, weight=st.integers(0, 500), life=st.one_of(TIMES, st.none()))
    def put(self, key: int, weight: int, life: float | None) -> None:
        value = next(self.numbers)
        expires_at = None if life is None else self.now + life
        self.cache.put(key, value, weight, expires_at)
        self.put_last[key] = value, weight + ENTRY_BYTES, expires_at

    def check(self, key: int, found: int | None) -> None:
        if found is not None:
            value, _, expires_at = self.put_last[key]
            assert found == value
            assert expires_at is None or expires_at > self.now

    @rule(key=KEYS)
    def get(self, key: int) -> None:
        self.check(key, self.cache.get(key))
        assert self.cache.get(key) == self.cache.get_all([key])[0]

    @rule(keys=st.lists(KEYS))
    def get_all(self, keys: list[int]) -> None:
        for key, found in zip(keys, self.cache.get_all(keys), strict=True):
            self.check(key, found)

    @rule(key=KEYS)
    def drop(self, key: int) -> None:
        self.cache.drop(key)
        assert self.cache.get(key) is None

    @rule()
    def clear(self) -> None:
        self.cache.clear()

    @rule(seconds=TIMES)
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def weighs_what_is_there(self) -> None:
        kept = [*self.cache._protected.entries, *self.cache._probation.entries]  # pyright: ignore
        assert len(kept) == len(set(kept)) == len(self.cache)
        assert self.cache.bytes == sum(self.put_last[key][1] for key in kept)
        assert self.cache.bytes <= self.cache.max_bytes
        expiring = set(self.cache._expiring)  # pyright: ignore[reportPrivateUsage]
        assert expiring == {key for key in kept if self.put_last[key][2] is not None}


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=60)


@pytest.mark.parametrize("put_in_a_row", [1, 3])
def test_eviction_of_protected_values_is_lru(put_in_a_row: int) -> None:
    cache: BoundedCache[int, int] = BoundedCache(bound(entries(20)))
    for key in range(16):
        cache.put(key, key, 0)
        cache.get(key)
    for _ in range(put_in_a_row):
        cache.get(0)
    for key in range(100, 108):
        cache.put(key, key, 0)
        cache.get(key)
    for key in range(200, 300):
        cache.put(key, key, 0)
    assert cache.get(0) == 0
    assert cache.get_all(range(1, 9)) == [None] * 8
