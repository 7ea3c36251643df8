"""A bug that the cache once had, kept for the state machine, which must find it."""

from collections.abc import Sequence
from typing import Any

from weft.cache.cache import Cache
from weft.cache.entry import NOTHING, Codec, Entry
from weft.cache.errors import CacheUnavailable
from weft.cache.fence import is_whole
from weft.cache.validity import Reader, take


class CacheByPlace(Cache):
    """Assigns answers by their place, although an entry may have changed since it was read."""

    async def look_up(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
    ) -> tuple[list[Any], int] | None:
        now = self.now()
        keys_of_all = entries[0].keys
        assert keys_of_all is not None
        wanted = [keys_of_all.lease]
        for entry in entries:
            if entry.expires_at <= now:
                wanted.append(entry.value_key)
            wanted += entry.fence_keys
        try:
            answers = iter([*await self._store.read(wanted), *[None] * len(entries)])
        except CacheUnavailable:
            return None
        lease = next(answers)
        if not is_whole(lease):
            return None
        values: list[Any] = []
        for entry, key in zip(entries, keys, strict=True):
            if entry.expires_at <= now:
                take(self.kept, entry, next(answers), codec, key, arguments)
            fence = next(answers)
            counts = is_whole(fence) and fence < entry.xmin and lease < entry.xmin
            values.append(entry.value if counts else NOTHING)
        return values, 0
