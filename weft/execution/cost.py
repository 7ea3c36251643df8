"""What an operation costs: how many objects it may give, and how much is asked for to find them.

The idea is that of IBM's cost directives (https://ibm.github.io/graphql-specs/cost-spec.html).
Here an object costs 1, and a field that is asked for, rather than read off a row, 1 or its declared
`weight`, which may depend on arguments. A list costs what is below it as often as it may have
members: what its `size` makes of the arguments, or `ASSUMED_LIST_SIZE`.
"""

import operator
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectValueNode,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    Undefined,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_literal
from graphql.utilities.coerce_input_value import coerce_default_value

from weft.execution.arguments import contains_variable
from weft.execution.binding import spec_of
from weft.execution.document import Document
from weft.fields import FieldSpec, Kind
from weft.weight import Weight

ASSUMED_LIST_SIZE = 10
"""Members of a list of objects that declares no `size`."""
MAX_VARIANTS = 8
"""Kept of one operation, one for each set of values of its @skip and @include variables."""

META_FIELDS = (SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef)

Amount = int | Callable[[Mapping[str, Any]], int]
"""A number, or what makes it of the coerced variables."""

CHARACTERS_PER_COST = 4


class OperationCost:
    """The cost of one operation; worked out once, but for what depends on variables."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: Document,
        fragments: dict[str, FragmentDetails],
        conditions: Sequence[str],
    ) -> None:
        """`conditions`: the variables of @skip and @include."""
        self._schema = schema
        self._document = document
        self._fragments = fragments
        self._conditions = conditions
        self._variants: OrderedDict[tuple[Any, ...], Amount] = OrderedDict()
        self._constant: int | None = None

    def of(self, values: VariableValues) -> int:
        """The cost with these variables."""
        if self._constant is not None:
            return self._constant
        coerced = values.coerced
        conditions = tuple(coerced.get(name) is True for name in self._conditions)
        amount = self._variants.get(conditions)
        if amount is None:
            amount = self._variants[conditions] = self._amount(values, conditions)
            if len(self._variants) > MAX_VARIANTS:
                self._variants.popitem(last=False)
            if isinstance(amount, int) and not self._conditions:
                self._constant = amount
        return amount if isinstance(amount, int) else amount(coerced)

    def _amount(self, values: VariableValues, conditions: tuple[bool, ...]) -> Amount:
        # Null is no condition: the field that has it fails, and costs nothing.
        known = dict(zip(self._conditions, conditions, strict=True))
        sources = {name: values.sources[name] for name in known if name in values.sources}
        scope = _Scope(
            self._schema, self._document, self._fragments, VariableValues(sources, known)
        )
        return scope.operation()


class _Scope:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: Document,
        fragments: dict[str, FragmentDetails],
        conditions: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = document.operation
        self._fragments = fragments
        self._conditions = conditions
        # Under an interface the same fields are met once for each type that has it.
        self._known: dict[tuple[Any, ...], Amount] = {}

    def operation(self) -> Amount:
        root_type = self._schema.get_root_type(self._operation.operation)
        assert root_type is not None
        collected = collect_fields(
            self._schema, self._fragments, self._conditions, root_type, self._operation
        )
        return self._selections(root_type, collected.grouped_field_set, None)

    def _selections(
        self, object_type: GraphQLObjectType, grouped: GroupedFieldSet, page_size: Amount | None
    ) -> Amount:
        return _sum([self._field(object_type, nodes, page_size) for nodes in grouped.values()])

    def _field(
        self, parent_type: GraphQLObjectType, details: list[FieldDetails], page_size: Amount | None
    ) -> Amount:
        """`page_size`: of the lists that the parent, a page, has."""
        node = details[0].node
        definition = self._schema.get_field(parent_type, node.name.value)
        assert definition is not None, "validation has checked that the field exists"
        spec = spec_of(definition)
        weight = _weight(parent_type, definition, node, spec)
        if is_leaf_type(get_named_type(definition.type)):
            return weight
        size = None
        if spec is not None and spec.size is not None:
            size = _by_arguments(definition, node, spec.size.arguments, spec.size.count)
        if not is_list_type(get_nullable_type(definition.type)):
            return _sum([weight, 1, self._below(definition, details, size)])
        members = size if size is not None else page_size
        if members is None:
            members = ASSUMED_LIST_SIZE
        each = _sum([1, self._below(definition, details, None)])
        return _sum([weight, _product(members, each)])

    def _below(
        self, definition: GraphQLField, details: list[FieldDetails], page_size: Amount | None
    ) -> Amount:
        """The most that one object of the field can cost."""
        named_type: Any = get_named_type(definition.type)
        possible = (
            self._schema.get_possible_types(named_type)
            if is_abstract_type(named_type)
            else [named_type]
        )
        return _most([self._of_type(one, details, page_size) for one in possible])

    def _of_type(
        self, object_type: GraphQLObjectType, details: list[FieldDetails], page_size: Amount | None
    ) -> Amount:
        key = (object_type.name, page_size, *(id(detail.node) for detail in details))
        known = self._known.get(key)
        if known is None:
            collected = collect_subfields(
                self._schema,
                self._fragments,
                self._conditions,
                self._operation,
                object_type,
                details,
            )
            known = self._selections(object_type, collected.grouped_field_set, page_size)
            self._known[key] = known
        return known


def _weight(
    parent_type: GraphQLObjectType,
    definition: GraphQLField,
    node: FieldNode,
    spec: FieldSpec | None,
) -> Amount:
    if spec is None:
        of_schema = definition in META_FIELDS or is_introspection_type(parent_type)
        return 0 if of_schema or definition.resolve is None else 1
    if isinstance(spec.weight, Weight):
        return _by_arguments(definition, node, spec.weight.arguments, spec.weight.of)
    if spec.weight is not None:
        return spec.weight
    return 0 if spec.kind in (Kind.COLUMN, Kind.DERIVED) else 1


def _by_arguments(
    definition: GraphQLField, node: FieldNode, names: Sequence[str], count: Callable[..., int]
) -> Amount:
    """What `count` makes of the arguments of these names."""
    values = [_argument(definition, node, name) for name in names]
    if not any(map(callable, values)):
        return count(*values)

    required = [is_non_null_type(definition.args[name].type) for name in names]

    def compute(variables: Mapping[str, Any]) -> int:
        given = [value(variables) if callable(value) else value for value in values]
        # A null where there may be none costs nothing: the field is refused when it is executed.
        is_refused = any(map(operator.and_, required, [value is None for value in given]))
        return 0 if is_refused else count(*given)

    return compute


def _argument(definition: GraphQLField, node: FieldNode, name: str) -> Any:
    """The value; what makes it of the coerced variables, if it depends on them; None if absent."""
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
    # There are variables within, or a mistake that is the field's error.
    members = len(getattr(given, "values", ()))
    return [None] * members


def _of_variables(
    given: ObjectValueNode, argument: GraphQLArgument, variables: Mapping[str, Any]
) -> Any:
    value = coerce_input_literal(given, argument.type, VariableValues({}, dict(variables)))
    return None if value is Undefined else value


def _sum(amounts: Sequence[Amount]) -> Amount:
    constant = sum(amount for amount in amounts if isinstance(amount, int))
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    if len(varying) == 1 and not constant:
        return varying[0]
    return lambda variables: constant + sum([amount(variables) for amount in varying])


def _product(times: Amount, amount: Amount) -> Amount:
    if isinstance(times, int):
        if isinstance(amount, int):
            return times * amount
        return lambda variables: times * amount(variables)
    if isinstance(amount, int):
        return lambda variables: times(variables) * amount
    return lambda variables: times(variables) * amount(variables)


def _most(amounts: Sequence[Amount]) -> Amount:
    constant = max((amount for amount in amounts if isinstance(amount, int)), default=0)
    varying = [amount for amount in amounts if not isinstance(amount, int)]
    if not varying:
        return constant
    return lambda variables: max(constant, *[amount(variables) for amount in varying])


def cost_of_reading(text: str) -> int:
    """What a text costs that is not known yet, besides what it asks for."""
    return 1 + len(text) // CHARACTERS_PER_COST
