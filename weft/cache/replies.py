"""The answers of several calls as one, in the order of what was asked."""

from collections.abc import Sequence
from typing import Any


def in_order(slots: Sequence[Sequence[int]], answers: list[Any], count: int) -> list[Any]:
    """One answer for each key; a call that gave no list gives the same for all of its keys."""
    if len(slots) == 1 and isinstance(answers[0], list):
        return answers[0]
    found: list[Any] = [None] * count
    for places, answer in zip(slots, answers, strict=True):
        values = answer if isinstance(answer, list) else [answer] * len(places)
        for place, value in zip(places, values, strict=True):
            found[place] = value
    return found
