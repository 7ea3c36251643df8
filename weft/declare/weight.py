"""What asking for a field costs, where that depends on its arguments."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weight:
    """`of` takes the values of `arguments`, None for what is not given, in this order."""

    arguments: tuple[str, ...]
    of: Callable[..., int]
