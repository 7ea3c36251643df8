"""Amounts that depend on the arguments of a field, given as literals or by variables."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    ObjectValueNode,
    Undefined,
    VariableNode,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_literal
from graphql.utilities.coerce_input_value import coerce_default_value

from weft.execution.amounts import Amount
from weft.execution.arguments import contains_variable


def by_arguments(
    definition: GraphQLField, node: FieldNode, names: Sequence[str], count: Callable[..., int]
) -> Amount:
    """The result of `count` for the arguments of these names."""
    values = [_argument(definition, node, name) for name in names]
    if not any(map(callable, values)):
        return count(*values)

    required = [is_non_null_type(definition.args[name].type) for name in names]

    def compute(variables: Mapping[str, Any]) -> int:
        given = [value(variables) if callable(value) else value for value in values]
        # A null that the type forbids costs nothing: the field fails when it is executed.
        is_refused = any(map(operator.and_, required, [value is None for value in given]))
        return 0 if is_refused else count(*given)

    return compute


def _argument(definition: GraphQLField, node: FieldNode, name: str) -> Any:
    """The value, or a function to it from the coerced variables; None if it is absent."""
    argument = definition.args[name]
    default = coerce_default_value(argument)
    default = None if default is Undefined else default
    given = next((one.value for one in node.arguments or () if one.name.value == name), None)
    if given is None:
        return default
    if isinstance(given, VariableNode):
        variable = given.name.value
        return lambda variables: variables.get(variable, default)
    if isinstance(given, ObjectValueNode) and contains_variable(given):
        return lambda variables: _of_variables(given, argument, variables)
    value = coerce_input_literal(given, argument.type)
    if value is not Undefined:
        return value
    # It contains variables, or an error that execution reports: only its length counts.
    members = len(getattr(given, "values", ()))
    return [None] * members


def _of_variables(
    given: ObjectValueNode, argument: GraphQLArgument, variables: Mapping[str, Any]
) -> Any:
    value = coerce_input_literal(given, argument.type, VariableValues({}, dict(variables)))
    return None if value is Undefined else value
