"""A process of the state machine in `interleaved`."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from tests.weft.cache.counter import DrivenFiller, tag_of
from tests.weft.cache.driven import Crossing, DrivenStore
from tests.weft.cache.driven_database import Database
from weft.cache.cache import Cache
from weft.cache.fences import WriteFences
from weft.cache.lease import FenceRelay
from weft.loading.snapshot import Snapshot


class Machine(Protocol):
    """The part of the state machine that a process needs."""

    now: float
    database: Database

    @property
    def cache_type(self) -> type[Cache]: ...
    def new_store(self) -> DrivenStore: ...
    async def draw_id(self, history: str) -> int: ...
    async def sleep(self, seconds: float) -> None: ...
    def start(self, work: Coroutine[Any, Any, Any]) -> None: ...


class Process:
    """The cache, fences and relay of one server."""

    def __init__(self, machine: Machine) -> None:
        self.store = machine.new_store()
        self._database = machine.database
        draw_id = machine.draw_id
        filler = DrivenFiller(self.store, draw_id, lambda: machine.now)
        filler.start = machine.start
        self.cache = machine.cache_type(self.store, filler, wall_clock=lambda: machine.now)
        self.cache.use_history(self._database.name)
        self.fences = WriteFences(self.store, "available", self.cache.use_history)
        self.relay = FenceRelay(
            self.store,
            draw_id,
            lambda change: (tag_of(change.key),),
            clock=lambda: machine.now,
            sleep=machine.sleep,
        )

    def ask(self, command: Callable[[], Any]) -> Crossing:
        """Sends a command to the database, by a new connection if the last one is lost."""

        def arrive() -> Any:
            self.fences.use_history(self._database.name)
            return command()

        return Crossing(arrive, can_fail=False)

    async def read(self, keys: Sequence[int]) -> tuple[Snapshot, list[list[int]]]:
        return await self.ask(lambda: self._database.read(keys))
