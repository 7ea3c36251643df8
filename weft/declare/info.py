"""What a resolver knows about its operation."""

from typing import Any, Generic, Protocol, Self

from typing_extensions import TypeVar

from weft.explanation import Explanation


class OperationContext(Protocol):
    """What the machinery needs of the domain's context; each operation and each event has one."""

    def forget_loaded(self) -> None:
        """Clears the memory of all loaders; called after each root mutation field."""
        ...

    def explain(self, explanation: Explanation) -> None:
        """Makes loaders and caches record what they do from now on."""
        ...

    def renew(self) -> Self:
        """Returns a context for the next event of a subscription: same viewer, fresh loaders."""
        ...


ContextT = TypeVar("ContextT", default=Any)


class Info(Generic[ContextT]):
    """`context` is the operation's; `coordinate` is the field's address, such as `Query.viewer`."""

    __slots__ = ("context", "coordinate")

    def __init__(self, context: ContextT, coordinate: str) -> None:
        self.context = context
        self.coordinate = coordinate
