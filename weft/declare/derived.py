"""Computations on rows that are on one attribute only."""

from collections.abc import Callable
from typing import Any


class OfAttribute:
    """Computes something of a row's `attribute`, and of nothing else of the row.

    Whoever has many rows to go through may call `compute` with the attribute itself.
    """

    __slots__ = ("__wrapped__", "attribute", "compute")

    def __init__(self, attribute: str, compute: Callable[[Any], Any]) -> None:
        self.attribute = attribute
        self.compute = compute
        self.__wrapped__ = compute  # so that `inspect.unwrap` finds what it gives

    def __call__(self, row: Any) -> Any:
        """Computes it of a row."""
        return self.compute(getattr(row, self.attribute))
