"""The variables of one operation: what is computed once per operation, and their coercion."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    get_nullable_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_variable_values,
)
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from weft.declare.fields import MAX_MEMBERS
from weft.echo import with_echoes
from weft.execution.document import MAX_ERRORS, Document
from weft.execution.input_lists import (
    MemberCount,
    TooManyMembers,
    holds_lists,
    most_of_variables,
)

_SAME = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool, GraphQLInt: int}


class _Variable:
    """A variable definition.

    `same` is the Python class whose values coerce to themselves; `to_object` makes an input object,
    or returns Undefined if the general coercion is needed. `lists`: whether values may hold lists.
    """

    __slots__ = ("absent", "lists", "name", "node", "nullable", "same", "signature", "to_object")

    def __init__(self, schema: GraphQLSchema, node: VariableDefinitionNode) -> None:
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            raise signature
        self.node = node
        self.name = signature.name
        self.signature = signature
        self.nullable = not is_non_null_type(signature.type)
        self.same = _same_class(signature.type)
        self.to_object = _object_coercion(get_nullable_type(signature.type))
        self.lists = holds_lists(signature.type)
        self.absent = VariableValueSource(signature)


class VariableCoercion:
    """GraphQL specification, CoerceVariableValues(), for the variables of one operation."""

    def __init__(self, schema: GraphQLSchema, document: Document) -> None:
        self._schema = schema
        self._document = document
        self._nodes = document.operation.variable_definitions or ()
        self._variables = [_Variable(schema, node) for node in self._nodes]
        self._lists = [variable for variable in self._variables if variable.lists]

    @property
    def names(self) -> set[str]:
        """The names of all variables that the operation defines."""
        return {variable.name for variable in self._variables}

    def coerce(
        self, given: Mapping[str, Any], hide_suggestions: bool = False
    ) -> VariableValues | list[GraphQLError]:
        """The values by name, of variables that are given or have a default; or the errors."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        lists = self._lists
        for variable in self._variables:
            name = variable.name
            if name in given:
                value = given[name]
                if _is_itself(variable, value):
                    sources[name] = VariableValueSource(variable.signature, value)
                    coerced[name] = value
                    continue
                made = Undefined if variable.to_object is None else variable.to_object(value)
                if made is not Undefined:
                    sources[name] = VariableValueSource(variable.signature, value)
                    coerced[name] = made
                    continue
            elif variable.nullable and variable.signature.default is None:
                sources[name] = variable.absent
                continue
            if lists:  # of all variables, before any of them is coerced
                too_many = self._too_many_members(given)
                if too_many is not None:
                    return [too_many]
                lists = []
            one = get_variable_values(
                self._schema, [variable.node], _only(given, name), max_errors=MAX_ERRORS
            )
            if isinstance(one, list):
                return self._errors(given, hide_suggestions)
            sources.update(one.sources)
            coerced.update(one.coerced)
        return VariableValues(sources, coerced)

    def _too_many_members(self, given: Mapping[str, Any]) -> GraphQLError | None:
        count = MemberCount()
        for variable in self._lists:
            name = variable.name
            value = given.get(name, variable.node.default_value)
            most = self._most.get(name, MAX_MEMBERS)
            try:
                count.check(value, variable.signature.type, most, f"${name}")
            except TooManyMembers as error:
                return GraphQLError(str(error), variable.node, extensions=error.extensions)
        return None

    @cached_property
    def _most(self) -> dict[str, int]:
        document = self._document
        return most_of_variables(self._schema, (document.operation, *document.fragments.values()))

    def _errors(
        self, given: Mapping[str, Any], hide_suggestions: bool
    ) -> VariableValues | list[GraphQLError]:
        return get_variable_values(
            self._schema,
            self._nodes,
            {name: with_echoes(given[name]) for name in self.names if name in given},
            max_errors=MAX_ERRORS,
            hide_suggestions=hide_suggestions,
        )


def _same_class(type_: Any) -> type | None:
    return _SAME.get(get_nullable_type(type_))


def _is_itself(place: "_Variable | _Member", value: Any) -> bool:
    if value is None:
        return place.nullable
    if value.__class__ is not place.same:
        return False
    return place.same is not int or GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT


class _Member(NamedTuple):
    """A field of an input object."""

    out_name: str
    same: type | None
    nullable: bool


def _object_coercion(type_: Any) -> Callable[[Any], Any] | None:
    """A function that coerces objects whose fields need no coercion; for others, Undefined."""
    if not isinstance(type_, GraphQLInputObjectType) or type_.is_one_of:
        return None
    members = {
        name: _Member(
            field.out_name or name, _same_class(field.type), not is_non_null_type(field.type)
        )
        for name, field in type_.fields.items()
    }
    # All other fields are missing in the coerced object if they are absent.
    needed = {
        name
        for name, field in type_.fields.items()
        if is_required_input_field(field)
        or field.default is not None
        or field.default_value is not Undefined
    }

    def coerce(value: Any) -> Any:
        if value.__class__ is not dict or not needed <= value.keys():
            return Undefined
        made: dict[str, Any] = {}
        for name, given in value.items():
            member = members.get(name)
            if member is None or not _is_itself(member, given):
                return Undefined
            made[member.out_name] = given
        return type_.out_type(made)

    return coerce


def _only(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: given[name]} if name in given else {}
