"""What one operation does, compiled once: a plan for each selection set and each field."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.base import has_object_definition

from weft.declare.fields import Kind
from weft.execution.arguments import ArgumentPlan
from weft.execution.binding import has_own_type_resolver, row_class, spec_of
from weft.execution.completion import unwrapped
from weft.execution.inline_build import generate_whole
from weft.execution.json_shape import JsonShape
from weft.execution.leaves import Leaf, generate_build, generate_completion, leaf_completion

TYPENAME = "__typename"
_INLINE = (Kind.COLUMN, Kind.DERIVED)


class PlanScope:
    """What all plans of an operation share; `conditions`: the variables of @skip and @include.

    Selections of the same field nodes on one type share a plan, wherever they stand: fragments are
    planned once, however often they are spread.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        conditions: VariableValues,
    ) -> None:
        self.schema = schema
        self.operation = operation
        self.fragments = fragments
        self.conditions = conditions
        self.plans: dict[tuple[Any, ...], SelectionPlan] = {}

    def root(self) -> "SelectionPlan":
        """The plan of the operation's own selection set."""
        root_type = self.schema.get_root_type(self.operation.operation)
        assert root_type is not None
        collected = collect_fields(
            self.schema, self.fragments, self.conditions, root_type, self.operation
        )
        return SelectionPlan(self, root_type, collected.grouped_field_set)

    def below(self, details: list[FieldDetails], object_type: GraphQLObjectType) -> "SelectionPlan":
        """The plan of what some merged field nodes select on objects of a type."""
        collected = collect_subfields(
            self.schema, self.fragments, self.conditions, self.operation, object_type, details
        )
        grouped = collected.grouped_field_set
        key = (
            object_type.name,
            *[(name, *[id(detail.node) for detail in found]) for name, found in grouped.items()],
        )
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = SelectionPlan(self, object_type, grouped)
        return plan


class SelectionPlan:
    """The fields that are selected on one object type at one place, in the order of the response.

    `leaves` are read off the row while its object is built, `composites` are read off the row and
    have selections of their own, and `resolved` need a call of their resolver.
    """

    def __init__(
        self, scope: PlanScope, object_type: GraphQLObjectType, grouped: GroupedFieldSet
    ) -> None:
        self.type = object_type
        self.keys = list(grouped)
        self.leaves: list[FieldPlan] = []
        self.composites: list[FieldPlan] = []
        self.resolved: list[FieldPlan] = []
        for key, details in grouped.items():
            field = FieldPlan(scope, object_type, key, details)
            if not field.inline:
                self.resolved.append(field)
            elif field.leaf:
                self.leaves.append(field)
            else:
                self.composites.append(field)
        self.ends_here = not self.composites and not self.resolved
        self.build = generate_build(
            [field.key for field in (*self.composites, *self.resolved)],
            [field.as_leaf() for field in self.leaves],
            self.keys,
        )

    @cached_property
    def build_whole(self) -> Callable[[Sequence[Any]], list[dict[str, Any]]] | None:
        """Like `build`, with everything below; None if a resolver has to be called for it."""
        return generate_whole(self)

    @cached_property
    def introspects_only(self) -> bool:
        """Whether the root selects nothing but the schema, so that the answer never changes."""
        fields = (*self.leaves, *self.composites, *self.resolved)
        return all(field.name.startswith("__") for field in fields)

    @cached_property
    def repeats(self) -> bool:
        """Whether the whole answer may be stored: only introspection, or only cached values."""
        return self.introspects_only or (self.cached and not self.inline)

    @cached_property
    def cached(self) -> bool:
        """Whether every field that has to be resolved, here and below, is cached."""
        fields = (*self.composites, *self.resolved)
        return all(field.cached and field.cached_below for field in fields)

    @cached_property
    def inline(self) -> bool:
        """Whether nothing, here or below, has to be resolved: all is read off the rows."""
        return not self.resolved and all(field.inline_below for field in self.composites)

    @cached_property
    def form(self) -> JsonShape:
        """How the objects of this plan are written as JSON."""
        return JsonShape(self.type.name, self.keys, self.leaves, self.composites, self.resolved)

    @cached_property
    def pure(self) -> bool:
        """Whether equal rows must give equal objects: no field below is resolved per object."""
        fields = (*self.composites, *self.resolved)
        return all(field.spec is not None and field.pure for field in fields)


class FieldPlan:
    """One field of a selection set, with all the nodes that were merged into it.

    `nullable[depth]` says whether null is allowed within `depth` lists of the field's type.
    """

    def __init__(
        self,
        scope: PlanScope,
        parent_type: GraphQLObjectType,
        key: str,
        details: list[FieldDetails],
    ) -> None:
        node = details[0].node
        name = node.name.value
        definition = scope.schema.get_field(parent_type, name)
        assert definition is not None, "validation has checked that the field exists"
        self.scope = scope
        self.key = key
        self.name = name
        self.details = details
        self.parent_type = parent_type
        self.definition: GraphQLField = definition
        self.coordinate = f"{parent_type.name}.{name}"
        self.spec = spec_of(definition)
        self.batched = self.spec is not None and self.spec.kind is Kind.BATCHED
        self.inline = name == TYPENAME or (self.spec is not None and self.spec.kind in _INLINE)
        self.nullable, self.named_type = unwrapped(definition.type)
        self.depth = len(self.nullable) - 1
        self.leaf = is_leaf_type(self.named_type)
        self.arguments = ArgumentPlan(definition, node) if definition.args else None
        self._selections: dict[GraphQLObjectType, SelectionPlan] = {}
        self._by_class: dict[type, SelectionPlan | None] = {}

    @property
    def nodes(self) -> list[FieldNode]:
        """All nodes of the field, for the locations of its errors."""
        return [detail.node for detail in self.details]

    @cached_property
    def complete(self) -> Callable[[Any], Any]:
        """Completes one value of a leaf field; raises if the value is invalid."""
        return leaf_completion(self.definition.type, self.coordinate)

    @cached_property
    def complete_all(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Like `complete`, for many values at once."""
        return generate_completion(self.definition.type, self.complete)

    @cached_property
    def shared(self) -> bool:
        """Whether one response object may be reused wherever the same row occurs."""
        return self.batched and self.pure

    @cached_property
    def read(self) -> Callable[[Any], Any]:
        """Reads the value of an inline field off its row."""
        if self.spec is None:
            return lambda _row: self.parent_type.name
        if self.spec.kind is Kind.DERIVED:
            assert self.spec.resolve is not None
            return self.spec.resolve
        return attrgetter(self.spec.attribute)

    def as_leaf(self, complete: Callable[[Any], Any] | None = None) -> Leaf:
        """The field as a part of the function that builds its parents' objects."""
        complete, type_ = complete or self.complete, self.definition.type
        if self.spec is None:
            return Leaf(self.key, complete, type_, constant=self.parent_type.name)
        compute = self.spec.resolve if self.spec.kind is Kind.DERIVED else None
        return Leaf(self.key, complete, type_, self.spec.attribute, compute)

    def selection(self, object_type: GraphQLObjectType) -> SelectionPlan:
        """The plan of what is selected on the field's objects of a type."""
        plan = self._selections.get(object_type)
        if plan is None:
            plan = self._selections[object_type] = self.scope.below(self.details, object_type)
        return plan

    def selection_for_class(self, row_type: type) -> SelectionPlan | None:
        """The plan for rows of a class; None if the class alone does not give their object type."""
        try:
            return self._by_class[row_type]
        except KeyError:
            object_type = self._type_of_class(row_type)
            plan = None if object_type is None else self.selection(object_type)
            self._by_class[row_type] = plan
            return plan

    def _type_of_class(self, row_type: type) -> GraphQLObjectType | None:
        if row_type is type(None) or issubclass(row_type, Exception):
            return None
        named_type = self.named_type
        if isinstance(named_type, GraphQLObjectType):
            if named_type.is_type_of is None:
                return named_type
        elif has_own_type_resolver(named_type) or has_object_definition(row_type):
            return None
        for possible in self._possible_types():
            expected = row_class(possible)
            if expected is None:
                return None
            if issubclass(row_type, expected):
                return possible
        return None

    def _possible_types(self) -> Iterable[GraphQLObjectType]:
        named_type = self.named_type
        if isinstance(named_type, GraphQLObjectType):
            return (named_type,)
        assert is_abstract_type(named_type)
        return self.scope.schema.get_possible_types(named_type)

    @property
    def cached(self) -> bool:
        """Whether the field is read off the row, or cached."""
        return self.inline or (self.spec is not None and self.spec.is_cached)

    @cached_property
    def cached_below(self) -> bool:
        """Whether every field to be resolved below is cached, whatever the type of the objects."""
        if self.leaf:
            return True
        return all(self.selection(possible).cached for possible in self._possible_types())

    @cached_property
    def inline_below(self) -> bool:
        """Whether nothing below this field has to be resolved, whatever the type of its objects."""
        return all(self.selection(possible).inline for possible in self._possible_types())

    @cached_property
    def writable_below(self) -> bool:
        """Whether the field's objects, whatever their type, can be written as JSON."""
        if self.depth > 1:
            return False
        plans = [self.selection(possible) for possible in self._possible_types()]
        return all(plan.inline or plan.form.writable for plan in plans)

    @cached_property
    def pure(self) -> bool:
        """Whether equal rows below this field must give equal objects."""
        if self.leaf:
            return True
        return all(self.selection(possible).pure for possible in self._possible_types())
