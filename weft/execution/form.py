"""How the objects of a selection can be written as JSON, worked out once."""

from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.execution.plan import FieldPlan

_NUMBERS = count(1)


class Form:
    """What the JSON of all objects of a selection plan has in common.

    `hole`: the only field that has to be asked for, where all others are leaves. `wrapped`: the
    only field at all, where the rest is the same for every object; `before` and `after` are that
    rest. `text_name`: what the text of a row is kept under, which names the plan to those who must
    not keep it; `text_of` gives the text. `has_come`: whether texts were asked for before.
    """

    def __init__(
        self,
        type_name: str,
        keys: Sequence[str],
        leaves: "Sequence[FieldPlan]",
        composites: "Sequence[FieldPlan]",
        resolved: "Sequence[FieldPlan]",
    ) -> None:
        self.text_name = f"text:{next(_NUMBERS)}"
        self.text_of = attrgetter(self.text_name)
        self.has_come = False
        self.hole: FieldPlan | None = None
        self.wrapped: FieldPlan | None = None
        if len(resolved) == 1 and not composites:
            if resolved[0].batched and not resolved[0].leaf:
                self.hole = resolved[0]
        elif len(composites) == 1 and not resolved and all(leaf.spec is None for leaf in leaves):
            (inner,) = composites
            if inner.depth == 0:
                self.wrapped = inner
                parts = [
                    f'"{key}":' + ("%" if key == inner.key else f'"{type_name}"') for key in keys
                ]
                self.before, self.after = f"{{{','.join(parts)}}}".encode().split(b"%")

    @property
    def writable(self) -> bool:
        """Whether objects can be written, one field at a time being left to be asked for."""
        inner = self.hole or self.wrapped
        return inner is not None and inner.writable_below
