"""Keys that need different statements, in one batch."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


async def in_groups(
    keys: Sequence[KeyT],
    group_of: Callable[[KeyT], Hashable],
    fetch: Callable[[Sequence[KeyT]], Awaitable[Sequence[ValueT]]],
) -> list[ValueT]:
    """The values of the keys in their order, fetched one group after the other."""
    if len(keys) == 1:
        return list(await fetch(keys))
    groups: dict[Hashable, list[KeyT]] = {}
    for key in keys:
        groups.setdefault(group_of(key), []).append(key)
    values: dict[Hashable, list[ValueT]] = {}
    for name, group in groups.items():
        values[name] = list(await fetch(group))
    parts = {name: iter(part) for name, part in values.items()}
    return [next(parts[group_of(key)]) for key in keys]
