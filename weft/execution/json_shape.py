"""How the objects of a selection plan are written as JSON, computed once."""

from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.execution.plan import FieldPlan

_NUMBERS = count(1)


class JsonShape:
    """What the JSON of all objects of a selection plan has in common.

    `hole`: the only field that has to be resolved, if all others are leaves. `wrapped`: the only
    field whose JSON is not the same for every object; `before` and `after` are the constant JSON
    around it. `text_name`: the attribute under which a row stores its JSON for this plan. It
    contains a number for the plan, so that rows hold no reference to the plan. `text_of` reads the
    attribute. `has_come`: whether texts of the plan were requested before.
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
        """Whether objects can be written as JSON, with one field left open at each level."""
        inner = self.hole or self.wrapped
        return inner is not None and inner.writable_below
