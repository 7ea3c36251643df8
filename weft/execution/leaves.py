"""Completes leaf values fast: a generated function builds the objects of all rows of a selection.

The generated source contains Python identifiers of our own, attribute names from the schema and
response names that are checked GraphQL names: never any other text of a client.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLString,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.schema.types.base_scalars import isoformat

from weft.declare.derived import OfAttribute
from weft.execution.completion import Completion, FailedAt, OutputType

Row = Any
Build = Callable[[Sequence[Row]], list[dict[str, Any]]]
Complete = Callable[[Any], Any]

_GRAPHQL_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")

_PASSES = {
    GraphQLString: "v.__class__ is str",
    GraphQLID: "v.__class__ is str",
    GraphQLBoolean: "v.__class__ is bool",
    GraphQLInt: "v.__class__ is int and -2147483648 <= v <= 2147483647",
    # Neither infinite nor NaN.
    GraphQLFloat: "v.__class__ is float and v - v == 0.0",
}


class Leaf(NamedTuple):
    """A leaf that is read off the row: by `attribute`, by `compute`, or as `constant`."""

    key: str
    complete: Complete
    type: OutputType
    attribute: str = ""
    compute: Callable[[Row], Any] | None = None
    constant: str | None = None


def leaf_completion(type_: OutputType, coordinate: str) -> Complete:
    """A function that completes one value of a leaf type or of lists of it; raises if invalid."""
    general = Completion(coordinate, _raise, _raise).complete
    names = _enum_names(get_nullable_type(type_))

    if names is not None:

        def complete_enum(value: Any) -> Any:
            try:
                return names[value]
            except (KeyError, TypeError):
                return general(type_, value)

        return complete_enum
    if is_list_type(get_nullable_type(type_)) and _is_text(get_nullable_type(type_).of_type):

        def complete_texts(value: Any) -> Any:
            if value.__class__ in (list, tuple) and all(item.__class__ is str for item in value):
                return list(value)
            return general(type_, value)

        return complete_texts
    return lambda value: general(type_, value)


def generate_build(
    keys_without_leaf: Sequence[str], leaves: Sequence[Leaf], order: Sequence[str]
) -> Build:
    """Generates a function from rows to their response objects, with keys in `order`.

    Keys without a leaf are None for now. The function raises at the first value that it cannot
    complete; each value then has to be completed by itself.
    """
    names: dict[str, Any] = {"datetime": datetime}
    values = dict.fromkeys(keys_without_leaf, "None")
    for index, leaf in enumerate(leaves):
        values[leaf.key] = _expression(leaf, index, names)
    entries = []
    for key in order:
        assert _GRAPHQL_NAME.fullmatch(key)
        entries.append(f"{key!r}: {values[key]}")
    source = (
        "def build(rows):\n"
        "    objects = []\n"
        "    for row in rows:\n"
        f"        objects.append({{{', '.join(entries)}}})\n"
        "    return objects\n"
    )
    exec(source, names)
    return names["build"]


def generate_completion(
    type_: OutputType, complete: Complete
) -> Callable[[Sequence[Any]], list[Any]]:
    """Generates a function that completes many values of a leaf type; raises like `complete`."""
    names: dict[str, Any] = {"datetime": datetime}
    expression = _completed("v", "v", type_, complete, 0, names)
    exec(f"def complete_all(values):\n    return [{expression} for v in values]\n", names)
    return names["complete_all"]


def _expression(leaf: Leaf, index: int, names: dict[str, Any]) -> str:
    if leaf.constant is not None:
        assert _GRAPHQL_NAME.fullmatch(leaf.constant)
        return repr(leaf.constant)
    compute, attribute = leaf.compute, leaf.attribute
    if isinstance(compute, OfAttribute):
        compute, attribute = compute.compute, compute.attribute
    assert attribute.isidentifier() or not attribute
    read = f"row.{attribute}" if attribute else "row"
    if compute is not None:
        names[f"compute_{index}"] = compute
        read = f"compute_{index}({read})"
    return _completed(read, f"(v := {read})", leaf.type, leaf.complete, index, names)


def _completed(
    read: str,
    first: str,
    type_: OutputType,
    complete: Complete,
    index: int,
    names: dict[str, Any],
) -> str:
    """An expression that completes the value `read`; `first` also assigns the value to `v`."""
    names[f"complete_{index}"] = complete
    nullable_type = get_nullable_type(type_)
    enum_names = _enum_names(nullable_type)
    if enum_names is not None:
        names[f"names_{index}"] = enum_names
        return f"names_{index}.get({first}) or complete_{index}(v)"
    if getattr(nullable_type, "coerce_output_value", None) is isoformat:
        fast, passes = "v.isoformat()", "v.__class__ is datetime"
    else:
        fast, passes = "v", _PASSES.get(nullable_type)  # pyright: ignore[reportCallIssue, reportArgumentType]
    if passes is None:
        return f"complete_{index}({read})"
    passes = passes.replace("v.", f"{first}.", 1)
    if fast == "v" and not is_non_null_type(type_):
        passes = f"({passes}) or v is None"
    return f"{fast} if {passes} else complete_{index}(v)"


def _enum_names(type_: Any) -> dict[Any, str] | None:
    """The enum's names by value and, for a Python enum, by member; None for other types."""
    if not isinstance(type_, GraphQLEnumType):
        return None
    members = getattr(type_, "wrapped_cls", ())
    names: dict[Any, str] = {}
    for value in [*(value.value for value in type_.values.values()), *members]:
        try:
            names[value] = type_.coerce_output_value(value)
        except Exception:  # an unhashable value, or a member that is not in the schema
            continue
    return names


def _is_text(type_: Any) -> bool:
    return get_nullable_type(type_) in (GraphQLString, GraphQLID)


def _raise(failure: FailedAt) -> None:
    raise failure
