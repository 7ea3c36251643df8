"""The arguments of one field node: constants coerced beforehand, variables per request."""

from typing import Any, cast

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, coerce_argument, get_argument_values
from graphql.utilities.coerce_input_value import coerce_default_value


class ArgumentPlan:
    """GraphQL specification, CoerceArgumentValues(), for one field node."""

    __slots__ = ("_constants", "_definition", "_mutable", "_node", "_variables")

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._constants: dict[str, Any] = {}
        # Arguments given by a variable: name, variable, default, whether null is forbidden.
        # None if the general coercion is needed.
        self._variables: list[tuple[str, str, Any, bool]] | None = []
        self._mutable: list[str] = []
        given = {argument.name.value: argument for argument in node.arguments or ()}
        try:
            for name, argument in definition.args.items():
                argument_node = given.get(name)
                value = argument_node.value if argument_node else None
                out_name = argument.out_name or name
                if isinstance(value, VariableNode):
                    default = coerce_default_value(argument)
                    not_null = is_non_null_type(argument.type)
                    self._variables.append((out_name, value.name.value, default, not_null))
                elif value is not None and contains_variable(value):
                    self._variables = None
                    return
                else:
                    coerce_argument(
                        self._constants, node, name, argument, argument_node, None, None
                    )
        except (GraphQLError, TypeError):
            # It is the field's error in each request: the general coercion raises it there.
            self._variables = None
        # A resolver may change what it is given, and the next request must not see that.
        self._mutable = [name for name, value in self._constants.items() if _is_mutable(value)]

    def values(self, variable_values: VariableValues) -> dict[str, Any]:
        """The arguments by Python name, in a new dict; raises `GraphQLError` if one is invalid."""
        if self._variables is None:
            return self._generally(variable_values)
        arguments = dict(self._constants)
        for name in self._mutable:
            arguments[name] = _copied(arguments[name])
        coerced = variable_values.coerced
        for name, variable, default, not_null in self._variables:
            value = coerced.get(variable, Undefined)
            if value is Undefined:
                value = default
                if value is Undefined and not not_null:
                    continue
            if not_null and (value is None or value is Undefined):
                return self._generally(variable_values)
            arguments[name] = value
        return arguments

    def _generally(self, variable_values: VariableValues) -> dict[str, Any]:
        return get_argument_values(self._definition, self._node, variable_values)


def _is_mutable(value: Any) -> bool:
    if isinstance(value, msgspec.Struct):
        members = (getattr(value, name) for name in value.__struct_fields__)
        return not value.__struct_config__.frozen or any(map(_is_mutable, members))
    return isinstance(value, list | dict)


def _copied(value: Any) -> Any:
    """The value with lists, dicts and structs of its own; all else in it is shared."""
    if isinstance(value, list):
        return [_copied(member) for member in cast("list[Any]", value)]
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return {name: _copied(member) for name, member in items}
    if isinstance(value, msgspec.Struct):
        members = {name: _copied(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **members)
    return value


def contains_variable(value: ValueNode) -> bool:
    """Whether a value is a variable or contains one."""
    if isinstance(value, ListValueNode):
        return any(map(contains_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(contains_variable(field.value) for field in value.fields)
    return isinstance(value, VariableNode)
