"""Which client is next when more work waits than may run at once."""

import asyncio
import random
from collections import Counter

import pytest

from weft.rates.turns import Turns


class Work:
    """Pieces of work that each take one turn and record the order in which they had it."""

    def __init__(self, at_once: int = 1) -> None:
        self.turns = Turns(at_once)
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, client: str, count: int, *, weight: int = 1, patience: int = 0) -> None:
        """Adds pieces of work; returns when they wait or run."""
        for _ in range(count):
            piece = self._piece(client, weight, patience)
            self.tasks.append(asyncio.create_task(piece))
        await asyncio.sleep(0)

    async def done(self) -> list[str]:
        await asyncio.gather(*self.tasks)
        return self.order

    async def _piece(self, client: str, weight: int, patience: int) -> None:
        await self.turns.enter(client, weight=weight, patience=patience)
        self.order.append(client)
        await asyncio.sleep(0)
        self.turns.leave()


class TestTurns:
    async def test_client_that_comes_later_waits_only_for_running_work(self) -> None:
        work = Work()
        await work.begin("many", 500)
        for _ in range(40):
            await asyncio.sleep(0)
        begun = len(work.order)
        assert begun > 5
        await work.begin("one", 1)
        assert (await work.done()).index("one") - begun <= 1

    async def test_clients_alternate_however_much_each_has_waiting(self) -> None:
        work = Work()
        await work.turns.enter("before")
        await work.begin("many", 100)
        await work.begin("few", 10)
        work.turns.leave()
        assert Counter((await work.done())[:20]) == {"many": 10, "few": 10}

    async def test_weight_of_work_counts(self) -> None:
        work = Work()
        await work.turns.enter("before")
        await work.begin("heavy", 30, weight=3)
        await work.begin("light", 90)
        work.turns.leave()
        assert Counter((await work.done())[:40]) == {"heavy": 10, "light": 30}

    async def test_client_that_was_away_does_not_make_up_for_it(self) -> None:
        work = Work()
        await work.begin("steady", 100)
        for _ in range(60):
            await asyncio.sleep(0)
        begun = len(work.order)
        assert 20 < begun < 60
        await work.begin("late", 30)
        assert Counter((await work.done())[begun : begun + 40])["late"] in (19, 20)

    async def test_least_patient_work_of_a_client_goes_first(self) -> None:
        turns = Turns(1)
        order: list[int] = []

        async def piece(patience: int) -> None:
            await turns.enter("one", patience=patience)
            order.append(patience)
            turns.leave()

        await turns.enter("other")
        tasks = [asyncio.create_task(piece(patience)) for patience in (50, 9, 0, 50, 0)]
        await asyncio.sleep(0)
        turns.leave()
        await asyncio.gather(*tasks)
        assert order == [0, 0, 9, 50, 50]

    async def test_patience_ends(self) -> None:
        turns = Turns(1)
        order: list[str] = []

        async def piece(name: str, patience: int) -> None:
            await turns.enter("one", patience=patience)
            order.append(name)
            turns.leave()

        await turns.enter("other")
        tasks = [asyncio.create_task(piece("long", 10))]
        tasks += [asyncio.create_task(piece("short", 0)) for _ in range(100)]
        await asyncio.sleep(0)
        turns.leave()
        await asyncio.gather(*tasks)
        assert order.index("long") == 9  # of the next ten, one is due at the same time

    @pytest.mark.parametrize("seed", range(30))
    async def test_cancellations_lose_no_turn_and_never_allow_too_much_work(
        self, seed: int
    ) -> None:
        draw = random.Random(seed)
        at_once = draw.randint(1, 4)
        turns = Turns(at_once)
        working = 0
        most = 0

        async def piece() -> None:
            nonlocal working, most
            await turns.enter(draw.randint(0, 5), weight=draw.randint(1, 9))
            working += 1
            most = max(most, working)
            try:
                for _ in range(draw.randint(0, 3)):
                    await asyncio.sleep(0)
            finally:
                working -= 1
                turns.leave()

        tasks: list[asyncio.Task[None]] = []
        for _ in range(200):
            tasks.append(asyncio.create_task(piece()))
            if draw.random() < 0.3:
                draw.choice(tasks).cancel()
            if draw.random() < 0.4:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert working == 0
        assert most == at_once
        free = [asyncio.create_task(turns.enter("after")) for _ in range(at_once + 1)]
        await asyncio.sleep(0)
        assert [task.done() for task in free] == [True] * at_once + [False]
        free[-1].cancel()
