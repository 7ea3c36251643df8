"""What operations may cost: counted in the process at once, and in all processes soon after."""

import pytest

from weft.bounds import CLIENTS
from weft.errors import RateLimited
from weft.rates.address import CLIENT
from weft.rates.budget import WINDOW_SECONDS, CostBudget, charged
from weft.rates.windows import Windows

ADA = ("viewer", 7)
BOB = ("viewer", 8)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class TestCostBudget:
    def test_each_client_has_a_budget_of_its_own(self, windows: Windows) -> None:
        budget = CostBudget(windows, 100, Clock())
        budget.charge(ADA, 99)
        budget.charge(ADA, 50)  # there was something left
        with pytest.raises(RateLimited) as refused:
            budget.charge(ADA, 1)
        assert refused.value.retry_after_seconds == WINDOW_SECONDS
        budget.charge(BOB, 100)

    def test_budget_is_full_after_a_minute(self, windows: Windows) -> None:
        clock = Clock()
        budget = CostBudget(windows, 100, clock)
        budget.charge(ADA, 100)
        clock.now += WINDOW_SECONDS - 0.5
        with pytest.raises(RateLimited) as refused:
            budget.charge(ADA, 1)
        assert refused.value.retry_after_seconds == 1
        clock.now += 0.5
        budget.charge(ADA, 100)

    async def test_budget_is_shared_by_all_processes(
        self, windows: Windows, other_windows: Windows
    ) -> None:
        here, there = CostBudget(windows, 100), CostBudget(other_windows, 100)
        here.charge(ADA, 60)
        there.charge(ADA, 60)
        await here.share()
        await there.share()
        with pytest.raises(RateLimited):
            there.charge(ADA, 1)
        here.charge(ADA, 1)  # what was spent there is not known here yet
        await here.share()
        with pytest.raises(RateLimited):
            here.charge(ADA, 1)

    async def test_spending_is_counted_once_however_often_it_is_shared(
        self, windows: Windows, other_windows: Windows
    ) -> None:
        budget = CostBudget(windows, 100)
        for _ in range(9):
            budget.charge(ADA, 10)
            await budget.share()
            await budget.share()
        budget.charge(ADA, 10)
        await budget.share()
        with pytest.raises(RateLimited):
            budget.charge(ADA, 1)

    async def test_budget_is_per_process_without_redis(self, lonely_windows: Windows) -> None:
        budget = CostBudget(lonely_windows, 100)
        budget.charge(ADA, 60)
        await budget.share()
        budget.charge(ADA, 60)
        await budget.share()
        with pytest.raises(RateLimited):
            budget.charge(ADA, 1)
        budget.charge(BOB, 1)

    async def test_number_of_clients_is_bounded(
        self, windows: Windows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.rates.budget.CLIENTS", CLIENTS.of(100_000))
        budget = CostBudget(windows, 10)
        for round_ in range(5):
            for number in range(90):
                budget.charge(("address", f"{round_}.{number}"), 1)
            await budget.share()
        assert 10 < len(budget) <= 100


class TestCharged:
    def test_address_and_viewer_are_both_charged(self, windows: Windows) -> None:
        budget = CostBudget(windows, 10)
        token = CLIENT.set("203.0.113.7")
        try:
            charge = charged(budget, 7)
            assert charge is not None
            charge(10)
            for audience in (8, None):
                again = charged(budget, audience)
                assert again is not None
                with pytest.raises(RateLimited):
                    again(1)
            CLIENT.set("203.0.113.8")
            elsewhere = charged(budget, 7)
            assert elsewhere is not None
            with pytest.raises(RateLimited):
                elsewhere(1)
        finally:
            CLIENT.reset(token)

    def test_nothing_is_charged_on_the_machine_itself(self, windows: Windows) -> None:
        assert charged(CostBudget(windows, 10), 7) is None
        assert charged(None, 7) is None
