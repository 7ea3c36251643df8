"""Computations on rows that depend on a single attribute."""

from collections.abc import Callable
from typing import Any


class OfAttribute:
    """Computes a value from a row's `attribute`, and from nothing else of the row.

    A caller with many rows may call `compute` with the attribute itself.
    """

    __slots__ = ("__wrapped__", "attribute", "compute")

    def __init__(self, attribute: str, compute: Callable[[Any], Any]) -> None:
        self.attribute = attribute
        self.compute = compute
        self.__wrapped__ = compute  # so that `inspect.unwrap` finds the annotation of its result

    def __call__(self, row: Any) -> Any:
        """Returns the value for a row."""
        return self.compute(getattr(row, self.attribute))
