"""Checks of a whole schema's declarations, when it is built: guards, and rows against types."""

import inspect
import typing
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from weft.declare.fields import Kind, WeftField
from weft.errors import DeclarationError

DECLARED = "strawberry-definition"

_SCALARS: dict[Any, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLInt: int,
    GraphQLBoolean: bool,
    GraphQLFloat: float,
}


def check_declarations(schema: GraphQLSchema) -> None:
    """Raises DeclarationError for a field that cannot be answered as it is declared.

    That is a field that has a guard and is not nullable, a page without a declared size, or a field
    whose resolver or row returns a class over which its type is not declared. Annotations of `Any`,
    or none at all, are not checked; exceptions may always be returned.
    """
    for named_type in schema.type_map.values():
        if isinstance(named_type, GraphQLObjectType):
            for name, field in named_type.fields.items():
                declared = field.extensions.get(DECLARED)
                if isinstance(declared, WeftField):
                    _check(f"{named_type.name}.{name}", named_type, field, declared, schema)


def _check(
    coordinate: str,
    parent: GraphQLObjectType,
    field: GraphQLField,
    declared: WeftField,
    schema: GraphQLSchema,
) -> None:
    is_page = {"first", "last"} & set(field.args) and not is_leaf_type(get_named_type(field.type))
    if is_page and declared.spec.size is None:
        raise DeclarationError(
            f"{coordinate} takes first or last and must declare a size, or nobody knows what it "
            "costs."
        )
    if declared.metadata.get("guard") is not None and is_non_null_type(field.type):
        raise DeclarationError(
            f"{coordinate} has a guard and must be nullable: "
            "a refusal would take away all that stands beside it."
        )
    hint = (
        _column_hint(row_of(parent), declared.python_name)
        if declared.spec.kind is Kind.COLUMN
        else _answer_hint(declared)
    )
    if not _gives(hint, field.type, schema):
        raise DeclarationError(f"{coordinate} is of type {field.type}, but is answered by {hint}.")


def row_of(object_type: Any) -> Any:
    """Returns the row class over which the type is declared; None for a root or foreign type."""
    definition = object_type.extensions.get(DECLARED)
    return getattr(getattr(definition, "origin", None), "__weft_row__", None)


def _column_hint(row: Any, name: str) -> Any:
    attribute = getattr(row, name, None)
    if isinstance(attribute, property) and attribute.fget is not None:
        return typing.get_type_hints(attribute.fget).get("return", Any)
    return Any if row is None else typing.get_type_hints(row).get(name, Any)


def _answer_hint(declared: WeftField) -> Any:
    """Returns the annotation of the resolver's result for one parent, or of one event."""
    assert declared.spec.resolve is not None
    resolver = inspect.unwrap(declared.spec.resolve)
    hint = typing.get_type_hints(resolver).get("return", Any) if callable(resolver) else Any
    if declared.spec.kind in (Kind.BATCHED, Kind.EVENT):
        return next(iter(typing.get_args(hint)), Any)
    return hint


def _gives(hint: Any, type_: Any, schema: GraphQLSchema) -> bool:
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if typing.get_origin(hint) in (typing.Union, UnionType):
        parts = [part for part in typing.get_args(hint) if part is not NoneType]
        return all(_gives(part, type_, schema) for part in parts)
    nullable_type: Any = get_nullable_type(type_)
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, Exception):
        return True
    # `str` is a sequence of `str`, and so is an enum of strings.
    is_list = (
        isinstance(origin, type)
        and issubclass(origin, Sequence)
        and not issubclass(origin, str | bytes)
    )
    if is_list or is_list_type(nullable_type):
        if not (is_list and is_list_type(nullable_type)):
            return False
        arguments = typing.get_args(hint)
        return not arguments or _gives(arguments[0], nullable_type.of_type, schema)
    if nullable_type in _SCALARS:
        return isinstance(origin, type) and issubclass(origin, _SCALARS[nullable_type])
    return _is_row(hint, origin, nullable_type, schema)


def _is_row(hint: Any, origin: Any, named_type: Any, schema: GraphQLSchema) -> bool:
    if is_object_type(named_type):
        possible: list[Any] = [named_type]
    elif is_abstract_type(named_type):
        possible = list(schema.get_possible_types(named_type))
    else:
        return True
    rows = [row_of(object_type) for object_type in possible]
    if None in rows or not isinstance(origin, type):
        return True
    return issubclass(origin, tuple(rows)) and all(
        _gives(argument, get_named_type(possible[0].fields["nodes"].type), schema)
        for argument in typing.get_args(hint)
        if "nodes" in possible[0].fields
    )
