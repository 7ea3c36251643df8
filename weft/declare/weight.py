"""The cost of a field that depends on its arguments."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weight:
    """`of` takes the values of `arguments`, None for those not given, in this order."""

    arguments: tuple[str, ...]
    of: Callable[..., int]
