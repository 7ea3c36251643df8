"""The limit of operations that a process runs at once; one more is refused at once."""

from types import TracebackType

from weft.errors import Overloaded


class InFlight:
    """`with in_flight:` counts one operation; raises `Overloaded` when `limit` are in flight.

    There is no queue: it would only grow, and serve first the clients that are likeliest to have
    given up.
    """

    __slots__ = ("count", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def __enter__(self) -> None:
        if self.count >= self.limit:
            raise Overloaded("The server has all it can do: try again in a moment.")
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.count -= 1
