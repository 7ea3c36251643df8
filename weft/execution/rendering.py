"""The JSON of objects, stored with the rows or pages that they are made from.

What a selection makes of a `Remembered` value is encoded once the selection was used before, and
some of its values too. From then on this text is put into every answer. One field of the selection
may be left open: then the text is a template, with `%b` where that field's answer goes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weft.declare.remembered import Remembered
from weft.execution.plan import SelectionPlan

MAX_TEXTS = 4
"""Most texts stored with a value: those of the first selections that were used again."""

Render = Callable[[SelectionPlan, Any], Any]
"""Builds the object of a value; None if there are errors."""

_SEEN = "seen:"
_HOLE: Any = msgspec.Raw(b"\0")
_encode = msgspec.json.Encoder().encode


def raw(text: bytes) -> Any:
    """JSON that is sent as it is."""
    return msgspec.Raw(text)


def encoded(value: Any) -> Any:
    """The value as finished JSON, a `msgspec.Raw`."""
    return raw(_encode(value))


def texts_of(
    plan: SelectionPlan, values: Sequence[Remembered], render: Render
) -> Sequence[bytes] | None:
    """The JSON that the selection makes of each value; None if all are new or one has no text."""
    try:
        texts = list(map(plan.form.text_of, values))
    except AttributeError:
        return _made(plan, values, render)
    return None if None in texts else texts


def _made(
    plan: SelectionPlan, values: Sequence[Remembered], render: Render
) -> Sequence[bytes] | None:
    new = [value for value in values if not vars(value)]
    for value in new:
        vars(value)[_SEEN] = b""
    is_first, plan.form.has_come = not plan.form.has_come, True
    if is_first or len(new) == len(values):
        return None
    texts: list[bytes] = []
    for value in values:
        text = _text(plan, value, render)
        if text is None:
            return None
        texts.append(text)
    return texts


def _text(plan: SelectionPlan, value: Remembered, render: Render) -> bytes | None:
    """The text of a value; None, which is stored as well, if there are errors or it is too long.

    The first texts are never evicted. If later ones replaced them, alternating selections would
    make all texts again each time.
    """
    kept, name = vars(value), plan.form.text_name
    if name in kept:
        return kept[name]
    if len(kept) > MAX_TEXTS:
        return None
    made = render(plan, value)
    text = None if made is None else _template(plan, made)
    if (
        text is not None
        and len(text) + sum(map(len, filter(None, kept.values()))) > value.room_bytes
    ):
        text = None
    kept[name] = text
    return text


def _template(plan: SelectionPlan, made: dict[str, Any]) -> bytes:
    if plan.form.hole is None:
        return _encode(made)
    made[plan.form.hole.key] = _HOLE
    # JSON never contains that byte: strings have it escaped.
    return _encode(made).replace(b"%", b"%%").replace(b"\0", b"%b")
