"""What is asked for again stays, within a count and so many bytes."""

from weft.segmented_cache import SegmentedCache


class TestSegmentedCache:
    def test_keeps_what_is_asked_for_again_through_a_sweep(self) -> None:
        cache: SegmentedCache[int, str] = SegmentedCache(max_entries=100, max_bytes=10_000)
        for key in range(50):
            cache.put(key, "hot", 10)
            assert cache.get(key) == "hot"
        for key in range(1000, 100_000):
            cache.put(key, "once", 10)
        assert [key for key in range(50) if cache.get(key) is None] == []

    def test_never_exceeds_its_count_or_bytes(self) -> None:
        cache: SegmentedCache[int, int] = SegmentedCache(max_entries=20, max_bytes=1000)
        for key in range(500):
            cache.put(key, key, key % 90 + 1)
            cache.get(key - key % 3)
            cache.get(key)
            assert len(cache) <= 20
            assert cache.bytes <= 1000
        assert len(cache) > 5

    def test_does_not_keep_what_is_too_heavy(self) -> None:
        cache: SegmentedCache[str, str] = SegmentedCache(max_entries=10, max_bytes=1000)
        cache.put("small", "s", 10)
        cache.put("heavy", "h", 201)
        assert cache.get("heavy") is None
        assert cache.get("small") == "s"

    def test_counts_a_value_that_is_put_again_once(self) -> None:
        cache: SegmentedCache[str, int] = SegmentedCache(max_entries=10, max_bytes=1000)
        for value in range(5):
            cache.put("key", value, 100)
            cache.get("key")
        assert (cache.get("key"), len(cache), cache.bytes) == (4, 1, 100)

    def test_makes_room_for_a_new_hot_set(self) -> None:
        cache: SegmentedCache[int, int] = SegmentedCache(max_entries=10, max_bytes=1000)
        for key in range(100):
            cache.put(key, key, 1)
            cache.get(key)
        assert cache.get(99) == 99
        assert cache.get(0) is None
