"""Builds objects at once with everything below them, where nothing has to be resolved."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from weft.execution.leaves import Build, generate_build

if TYPE_CHECKING:
    from weft.execution.plan import FieldPlan, SelectionPlan

FEW_ROWS = 12
"""Below this many rows, building dicts is faster than finding their JSON: see `template`."""


def generate_whole(plan: "SelectionPlan") -> Build | None:
    """Generates a function from rows to their whole objects; None if something must be resolved.

    The function raises at anything out of the ordinary: all is then completed level by level.
    """
    if not plan.inline:
        return None
    parts = [leaf.as_leaf() for leaf in plan.leaves]
    parts += [field.as_leaf(partial(_complete, field)) for field in plan.composites]
    return generate_build((), parts, plan.keys)


def _complete(field: "FieldPlan", value: Any) -> Any:
    if field.depth == 0:
        if value is None and field.nullable[0]:
            return None
        return _objects(field, (value,))[0]
    if field.depth > 1 or value.__class__ not in (list, tuple) or len(value) >= FEW_ROWS:
        raise TypeError(f"{field.coordinate} is completed level by level.")
    return _objects(field, value) if value else []


def _objects(field: "FieldPlan", rows: Sequence[Any]) -> list[dict[str, Any]]:
    (row_type,) = set(map(type, rows))
    plan = field.selection_for_class(row_type)
    if plan is None or plan.build_whole is None:
        raise TypeError(f"{field.coordinate} is completed level by level.")
    return plan.build_whole(rows)
