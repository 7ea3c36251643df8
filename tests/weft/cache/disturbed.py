"""Rules of the state machine for faults outside its processes, and for time."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.weft.cache.counter import COUNTER
from tests.weft.cache.driven import Redis
from tests.weft.cache.driven_database import Database
from weft.cache.keys import Keys

KEYS = (1, 2, 3)
KEY = st.sampled_from(KEYS)
PLACE = st.integers(0, 5)
TROUBLES = ("flush", "evict", "evict the version", "fail over", "forget", "forget one")


class Disturbed(RuleBasedStateMachine):
    """Base of the state machine that has the processes."""

    now: float
    redis: Redis
    database: Database
    must: dict[int, set[int]]
    undone: dict[int, float]

    def process(self, place: int) -> Any:
        raise NotImplementedError

    @rule(seconds=st.sampled_from([0.5, 1, 3]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(trouble=st.sampled_from(TROUBLES), place=PLACE)
    def trouble(self, trouble: str, place: int) -> None:
        match trouble:
            case "flush":
                self.redis.held.clear()
            case "evict" if self.redis.held:
                del self.redis.held[list(self.redis.held)[place % len(self.redis.held)]]
            case "evict the version":
                keys = Keys(self.database.name)
                self.redis.held.pop((self.redis.run, keys.version), None)
            case "fail over":  # to a server with keys of its own
                self.redis.run += 1
            case "forget one":  # an eviction from the process
                kept: Any = self.process(place).cache.kept
                kept._kept.drop((COUNTER, ("", b""), KEYS[place % len(KEYS)]))
            case _:  # a restart of the process
                self.process(place).cache.clear()

    @rule(what=st.sampled_from(["crash", "back up", "restore"]))
    def disturb_database(self, what: str) -> None:
        """One rule for all faults of the database, so that most steps are of other rules."""
        match what:
            case "crash":
                self.database.crash()
            case "back up":
                self.database.back_up()
            case _:
                for write in self.database.restore():
                    self.undone[write] = self.now
                    for must in self.must.values():
                        must.discard(write)
