"""What an operation costs: how many objects it may give, and how many fields it has to resolve.

The idea is that of IBM's cost directives (https://ibm.github.io/graphql-specs/cost-spec.html).
Here an object costs 1, and a field that is resolved, rather than read off a row, 1 or its declared
`weight`, which may depend on arguments. A list multiplies the cost of a member by the number that
it may have: what its `size` computes from the arguments, or `ASSUMED_LIST_SIZE`. Long response
names and leaves that are selected repeatedly cost more: they make answers long.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from weft.declare.fields import FieldSpec, Kind
from weft.declare.weight import Weight
from weft.execution.amounts import Amount, Variables, most_of, once, product_of, sum_of
from weft.execution.amounts_by_arguments import by_arguments
from weft.execution.binding import spec_of
from weft.execution.document import Document

ASSUMED_LIST_SIZE = 10
"""Members of a list of objects that declares no `size`."""
MAX_VARIANTS = 8
"""Amounts cached per operation, one for each set of values of its @skip and @include variables."""

META_FIELDS = (SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef)

CHARACTERS_PER_COST = 4
"""How many characters of a text that is not cached cost 1."""
CHARACTERS_OF_OBJECT = 512
"""Characters that the cost of an object includes: of its response names, and of those in its path,
which its errors repeat. So many more cost 1. Each field adds FIELD_CHARACTERS for its value."""
FIELD_CHARACTERS = 16
COST_OF_ERROR = 10
"""Cost of each error for which a request is refused."""


class OperationCost:
    """The cost of one operation; computed once, except for what depends on variables."""

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
        conditions = self._values_of_conditions(values)
        amount = self._variants.get(conditions)
        if amount is None:
            amount = self._variants[conditions] = self._amount(values, conditions)
            if len(self._variants) > MAX_VARIANTS:
                self._variants.popitem(last=False)
            if isinstance(amount, int) and not self._conditions:
                self._constant = amount
        return amount if isinstance(amount, int) else amount(Variables(values.coerced))

    def is_known(self, values: VariableValues) -> bool:
        """Whether the cost was computed before for these values of @skip and @include."""
        return self._constant is not None or self._values_of_conditions(values) in self._variants

    def _values_of_conditions(self, values: VariableValues) -> tuple[bool, ...]:
        coerced = values.coerced
        return tuple([coerced.get(name) is True for name in self._conditions])

    def _amount(self, values: VariableValues, conditions: tuple[bool, ...]) -> Amount:
        # Null counts as false here: the field with that condition fails in any case.
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
        # Under an interface the same fields occur once for each type that implements it.
        self._known: dict[tuple[Any, ...], Amount] = {}

    def operation(self) -> Amount:
        root_type = self._schema.get_root_type(self._operation.operation)
        assert root_type is not None
        collected = collect_fields(
            self._schema, self._fragments, self._conditions, root_type, self._operation
        )
        return self._selections(root_type, collected.grouped_field_set, None, 0)

    def _selections(
        self,
        object_type: GraphQLObjectType,
        grouped: GroupedFieldSet,
        page_size: Amount | None,
        path: int,
    ) -> Amount:
        """`path`: characters of the response names in the path of the object."""
        fields = [
            self._field(object_type, nodes, page_size, path + len(name))
            for name, nodes in grouped.items()
        ]
        return sum_of([*fields, _size_of_text(grouped, path)])

    def _field(
        self,
        parent_type: GraphQLObjectType,
        details: list[FieldDetails],
        page_size: Amount | None,
        path: int,
    ) -> Amount:
        """`page_size`: the size of the lists in the parent, if it is a page."""
        node = details[0].node
        definition = self._schema.get_field(parent_type, node.name.value)
        assert definition is not None, "validation has checked that the field exists"
        spec = spec_of(definition)
        weight = _weight(parent_type, definition, node, spec)
        if weight:
            weight = sum_of([weight, path // CHARACTERS_OF_OBJECT])
        if is_leaf_type(get_named_type(definition.type)):
            return weight
        size = None
        if spec is not None and spec.size is not None:
            size = by_arguments(definition, node, spec.size.arguments, spec.size.count)
        if not is_list_type(get_nullable_type(definition.type)):
            return sum_of([weight, 1, self._below(definition, details, size, path)])
        members = size if size is not None else page_size
        if members is None:
            members = ASSUMED_LIST_SIZE
        each = sum_of([1, self._below(definition, details, None, path)])
        return sum_of([weight, product_of(members, each)])

    def _below(
        self,
        definition: GraphQLField,
        details: list[FieldDetails],
        page_size: Amount | None,
        path: int,
    ) -> Amount:
        """The most that everything below one object of the field can cost."""
        named_type: Any = get_named_type(definition.type)
        possible = (
            self._schema.get_possible_types(named_type)
            if is_abstract_type(named_type)
            else [named_type]
        )
        return most_of([self._of_type(one, details, page_size, path) for one in possible])

    def _of_type(
        self,
        object_type: GraphQLObjectType,
        details: list[FieldDetails],
        page_size: Amount | None,
        path: int,
    ) -> Amount:
        key = (object_type.name, page_size, path, *(id(detail.node) for detail in details))
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
            fields = collected.grouped_field_set
            known = once(self._selections(object_type, fields, page_size, path))
            self._known[key] = known
        return known


def _size_of_text(grouped: GroupedFieldSet, path: int) -> int:
    """What an object costs for JSON that is longer than usual.

    A leaf that is read off the row again, under another name, costs as much as an object.
    """
    names = [details[0].node.name.value for details in grouped.values()]
    leaves = [
        name
        for name, details in zip(names, grouped.values(), strict=True)
        if details[0].node.selection_set is None
    ]
    characters = path + sum(map(len, grouped)) + FIELD_CHARACTERS * len(grouped)
    return characters // CHARACTERS_OF_OBJECT + len(leaves) - len(set(leaves))


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
        return by_arguments(definition, node, spec.weight.arguments, spec.weight.of)
    if spec.weight is not None:
        return spec.weight
    return 0 if spec.kind in (Kind.COLUMN, Kind.DERIVED) else 1


def cost_of_reading(text: str) -> int:
    """The cost of a text that is not cached, before it is parsed; then each token costs 1."""
    return 1 + len(text) // CHARACTERS_PER_COST
