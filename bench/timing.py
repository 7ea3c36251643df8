"""Timing for the micro-benchmarks: interleaved sides, medians, microseconds of CPU."""

import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

ROUNDS = 7

Work = Callable[[], Awaitable[object]]


async def compare(title: str, sides: Mapping[str, Work], *, calls: int, per: int = 1) -> None:
    """Prints the median CPU of one call for each side, and its ratio to that of the first side.

    The sides take turns, with `calls` calls a round each. `per` divides the result: the number of
    things that one call does.
    """
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, work in sides.items():
            started = time.process_time()
            for _ in range(calls):
                await work()
            spent[name].append((time.process_time() - started) / calls / per * 1e6)
    print(f"\n{title}")
    first = median(next(iter(spent.values())))
    for name, values in spent.items():
        print(f"  {name:<40} {median(values):10.1f} us   {median(values) / first:6.2f}")
