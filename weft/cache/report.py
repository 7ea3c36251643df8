"""Counters of the cache: for metrics, and for one operation that is explained."""

from collections import defaultdict
from typing import Any

import msgspec


class Counts(msgspec.Struct):
    """Counts of one field. Of the misses a fence `rejected` some; `bypassed` skipped the cache."""

    hits: int = 0
    misses: int = 0
    rejected: int = 0
    bypassed: int = 0


class Report:
    """Counts by coordinate."""

    def __init__(self) -> None:
        self.fields: defaultdict[str, Counts] = defaultdict(Counts)

    def add(
        self,
        coordinate: str,
        *,
        hits: int = 0,
        misses: int = 0,
        rejected: int = 0,
        bypassed: int = 0,
    ) -> None:
        """Adds the counts of one level's values."""
        counts = self.fields[coordinate]
        counts.hits += hits
        counts.misses += misses
        counts.rejected += rejected
        counts.bypassed += bypassed

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """`{"Author.bookCount": {"hits": 20, "misses": 0, ...}}`."""
        return {
            coordinate: msgspec.to_builtins(counts) for coordinate, counts in self.fields.items()
        }
