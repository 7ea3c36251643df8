"""The windows of one process, used while Redis is out of reach."""

from limits import RateLimitItemPerMinute

from weft.rates.windows import OwnWindows, RateWindow

ITEM = RateLimitItemPerMinute(3)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class TestOwnWindows:
    def test_windows_count_each_key_until_its_window_ends(self) -> None:
        clock = Clock()
        windows = OwnWindows(clock)
        assert windows.count(ITEM, "sign-in", "a") == RateWindow(True, 2, 1_060)
        clock.now += 59
        assert windows.count(ITEM, "sign-in", "a", cost=2) == RateWindow(True, 0, 1_060)
        assert windows.count(ITEM, "sign-in", "a") == RateWindow(False, 0, 1_060)
        assert windows.count(ITEM, "sign-in", "b") == RateWindow(True, 2, 1_119)
        clock.now += 1
        assert windows.count(ITEM, "sign-in", "a") == RateWindow(True, 2, 1_120)

    def test_forgotten_window_is_reset(self) -> None:
        windows = OwnWindows(Clock())
        for _ in range(4):
            windows.count(ITEM, "sign-in", "a")
        windows.forget(ITEM, "sign-in", "a")
        assert windows.count(ITEM, "sign-in", "a").within

    def test_ended_windows_are_evicted(self) -> None:
        clock = Clock()
        windows = OwnWindows(clock)
        for number in range(1_000):
            windows.count(ITEM, "sign-in", f"{number}")
        full = windows.weight_bytes
        clock.now += 60
        for number in range(500):
            windows.count(ITEM, "sign-in", f"later {number}")
        assert windows.weight_bytes < 0.6 * full
