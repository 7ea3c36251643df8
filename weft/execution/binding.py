"""Joins the graphql-core types that Strawberry built with Weft's declarations of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_introspection_type,
    is_required_input_field,
)
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

from weft.declare.fields import FieldSpec, Kind, WeftField
from weft.errors import DeclarationError
from weft.execution.reference import ReferenceResolvers, root_resolver

DECLARED = "strawberry-definition"
SPEC = "weft"


def spec_of(field: GraphQLField) -> FieldSpec | None:
    """The field's `FieldSpec`; None for a field with its own resolver for each object."""
    return field.extensions.get(SPEC)


def row_class(object_type: GraphQLObjectType) -> type | None:
    """The class whose instances are this type's objects, if `is_type_of` checks only that."""
    definition = object_type.extensions.get(DECLARED)
    for declaring in getattr(definition, "origin", object).__mro__:
        if "is_type_of" in vars(declaring):
            return vars(declaring).get("__weft_row__")
    return None


def has_own_type_resolver(abstract_type: Any) -> bool:
    """Whether an interface or union resolves types in another way than by their `is_type_of`."""
    definition = abstract_type.extensions.get(DECLARED)
    if definition is None:
        return abstract_type.resolve_type is not None
    if isinstance(definition, StrawberryUnion):
        return type(definition) is not StrawberryUnion
    return definition.resolve_type is not None


def bind(schema: GraphQLSchema, default_resolver: Callable[[Any, str], Any]) -> None:
    """Gives fields their `FieldSpec`s and resolvers, and inputs the classes of their values."""
    resolvers = ReferenceResolvers()
    for named_type in schema.type_map.values():
        if is_introspection_type(named_type):
            continue
        if isinstance(named_type, GraphQLObjectType):
            for name, field in named_type.fields.items():
                _bind_field(field, f"{named_type.name}.{name}", resolvers, default_resolver)
        elif isinstance(named_type, GraphQLInputObjectType):
            _bind_input(named_type)


def _bind_field(
    field: GraphQLField,
    coordinate: str,
    resolvers: ReferenceResolvers,
    default_resolver: Callable[[Any, str], Any],
) -> None:
    declared: Any = field.extensions.get(DECLARED)
    if isinstance(declared, WeftField):
        spec = declared.spec
        if spec.kind is Kind.COLUMN:
            spec = replace(spec, attribute=declared.python_name)
        field.extensions = {**field.extensions, SPEC: spec}
        field.resolve = resolvers.resolver(spec, coordinate)
        if spec.kind is Kind.EVENT:
            field.subscribe = root_resolver(spec, coordinate)
        for argument in field.args.values():
            argument.out_name = argument.extensions[DECLARED].python_name
    elif _is_plain_attribute(declared, field) and default_resolver is getattr:
        spec = FieldSpec(Kind.COLUMN, attribute=declared.python_name)
        field.extensions = {**field.extensions, SPEC: spec}


def _is_plain_attribute(declared: Any, field: GraphQLField) -> bool:
    """Whether Strawberry itself would only read the attribute."""
    return (
        isinstance(declared, StrawberryField)
        and declared.is_basic_field
        and not declared.is_subscription
        and type(declared).get_result is StrawberryField.get_result
        and getattr(field.resolve, "_is_default", False)
    )


def _bind_input(input_type: GraphQLInputObjectType) -> None:
    definition = input_type.extensions.get(DECLARED)
    input_type.is_one_of = input_type.is_one_of or bool(getattr(definition, "is_one_of", False))
    value_class = getattr(getattr(definition, "origin", None), "__weft_value__", None)
    if value_class is None:
        return
    known = {field.name: field for field in msgspec.structs.fields(value_class)}
    for name, field in input_type.fields.items():
        field.out_name = field.extensions[DECLARED].python_name
        target = known.get(field.out_name)
        if target is None:
            raise DeclarationError(f"{value_class.__name__} has no {field.out_name}.")
        has_default = field.default is not None or field.default_value is not Undefined
        may_be_absent = not has_default and not is_required_input_field(field)
        if may_be_absent and target.required:
            raise DeclarationError(
                f"{value_class.__name__}.{field.out_name} needs a default: "
                f"{input_type.name}.{name} may be left out."
            )

    def to_value(value: dict[str, Any]) -> Any:
        return value_class(**value)

    input_type.out_type = to_value  # pyright: ignore[reportAttributeAccessIssue]
