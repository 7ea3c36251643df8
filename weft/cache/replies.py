"""Joins the replies to several calls into one list, in the order of the keys."""

from collections.abc import Sequence
from typing import Any


def in_order(slots: Sequence[Sequence[int]], answers: list[Any], count: int) -> list[Any]:
    """Returns one reply for each key; a reply that is no list stands for all keys of its call."""
    if len(slots) == 1 and isinstance(answers[0], list):
        return answers[0]
    found: list[Any] = [None] * count
    for places, answer in zip(slots, answers, strict=True):
        values = answer if isinstance(answer, list) else [answer] * len(places)
        for place, value in zip(places, values, strict=True):
            found[place] = value
    return found
