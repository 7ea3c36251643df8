"""Objects as they go out, kept with the value that they were made of.

A value that may be given again as the same object, such as a page of rows that have not changed,
has an attribute `rendered`, None at first. What a selection makes of it, if nothing in it has to be
asked for, is encoded once it has come again, and put as it is into every answer from then on.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weft.execution.plan import SelectionPlan

MAX_SELECTIONS = 4
"""How many selections a value keeps; one more drops them all, for who asks ever differently."""

_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> Any:
    """The value as the JSON that it is to become; a `msgspec.Raw`."""
    return msgspec.Raw(_encode(value))


def rendered(
    plan: SelectionPlan, values: Sequence[Any], render: Callable[[SelectionPlan, Any], Any]
) -> list[Any] | None:
    """What the selection makes of each value, in JSON; None if that is not all well or all are new.

    `render` gives a value as an object; None if there are errors.
    """
    new = [value for value in values if value.rendered is None]
    for value in new:
        value.rendered = {}
    if len(new) == len(values):
        return None
    raws = [_rendered(plan, value, render) for value in values]
    return None if None in raws else raws


def _rendered(plan: SelectionPlan, value: Any, render: Callable[[SelectionPlan, Any], Any]) -> Any:
    known: dict[int, Any] = value.rendered
    raw = known.get(plan.number)
    if raw is None:
        made = render(plan, value)
        if made is None:
            return None
        if len(known) >= MAX_SELECTIONS:
            known.clear()
        raw = known[plan.number] = encoded(made)
    return raw
