"""Limits how many members lists from clients may have: checked before any of them is coerced.

Each list of an argument or an input field has a maximum: the declared `most`, or MAX_MEMBERS. For
a list of lists, the members of all of them count.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
    is_list_type,
)
from graphql.language import Visitor, visit
from graphql.validation import ValidationRule

from weft.declare.fields import MAX_MEMBERS, MOST
from weft.errors import DeclarationError
from weft.execution.binding import DECLARED
from weft.execution.errors import BAD_USER_INPUT

MAX_MEMBERS_TOGETHER = 1_000
"""Maximum of all lists in the variables of a request, or in one argument of a document."""

Definition = GraphQLArgument | GraphQLInputField


class TooManyMembers(Exception):
    """A list has more members than it may have; `value` is the list."""

    def __init__(self, message: str, value: Any, members: int, maximum: int) -> None:
        super().__init__(message)
        self.value = value
        self.extensions = {"code": BAD_USER_INPUT, "members": members, "maximum": maximum}


def most_of(definition: Definition) -> int:
    """How many members a list given for an argument or an input field may have."""
    declared = definition.extensions.get(DECLARED)
    return (getattr(declared, "metadata", None) or {}).get(MOST, MAX_MEMBERS)


def holds_lists(type_: Any) -> bool:
    """Whether values of an input type are lists, or may hold lists."""
    found = [type_]
    seen: set[str] = set()
    for one in found:
        if is_list_type(get_nullable_type(one)):
            return True
        named_type = get_named_type(one)
        if is_input_object_type(named_type) and named_type.name not in seen:
            seen.add(named_type.name)
            found += [field.type for field in named_type.fields.values()]
    return False


class MemberCount:
    """Counts the members of all lists in JSON values, or in values of a document."""

    def __init__(self) -> None:
        self._together = 0

    def check(self, value: Any, type_: Any, most: int, place: str) -> None:
        """Raises `TooManyMembers` for a list at the place, or below it, that has too many."""
        innermost, members = self._flat(value, type_, most, place)
        self._together += members
        together = max(MAX_MEMBERS_TOGETHER, most)
        if self._together > together:
            raise TooManyMembers(
                f"The lists up to `{place}` have {self._together} members, and all may have "
                f"{together} together.",
                *(value, self._together, together),
            )
        named_type = get_named_type(type_)
        if is_input_object_type(named_type):
            for one in innermost:
                for name, member in _fields(one):
                    field = named_type.fields.get(name)
                    if field is not None:
                        self.check(member, field.type, most_of(field), f"{place}.{name}")

    def _flat(self, value: Any, type_: Any, most: int, place: str) -> tuple[list[Any], int]:
        """The members of the innermost lists of a value, and the number of members of all lists."""
        level, members = [value], 0
        while is_list_type(type_ := get_nullable_type(type_)):
            below: list[Any] = []
            for one in level:
                found = _members(one)
                if found is None:  # a value by itself is a list of one
                    below.append(one)
                    continue
                members += len(found)
                if members > most:
                    raise TooManyMembers(
                        f"The list `{place}` has {members} members, and may have {most}.",
                        *(value, members, most),
                    )
                below += found
            level, type_ = below, type_.of_type
        return level, members


def _members(value: Any) -> Sequence[Any] | None:
    if isinstance(value, ListValueNode):
        return value.values
    return value if isinstance(value, list | tuple) else None


def _fields(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, ObjectValueNode):
        return [(field.name.value, field.value) for field in value.fields]
    return value.items() if isinstance(value, Mapping) else ()


class BoundedLists(ValidationRule):
    """A validation rule: refuses lists in the arguments of a document with too many members."""

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        definition = self.context.get_argument()
        if definition is None:
            return
        try:
            most = most_of(definition)
            MemberCount().check(node.value, definition.type, most, node.name.value)
        except TooManyMembers as error:
            self.report_error(GraphQLError(str(error), error.value, extensions=error.extensions))


class _Uses(Visitor):
    """Finds how many members lists given for variables may have."""

    def __init__(self, type_info: TypeInfo) -> None:
        super().__init__()
        self.most: dict[str, int] = {}
        self._type_info = type_info

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        self._find(node.value, self._type_info.get_argument())

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        parent = get_named_type(self._type_info.get_parent_input_type())
        if isinstance(parent, GraphQLInputObjectType):
            self._find(node.value, parent.fields.get(node.name.value))

    def _find(self, value: Node, definition: Definition | None) -> None:
        if isinstance(value, ListValueNode):
            for member in value.values:
                self._find(member, definition)
        elif isinstance(value, VariableNode) and definition is not None:
            most, name = most_of(definition), value.name.value
            self.most[name] = min(most, self.most.get(name, most))


def most_of_variables(schema: GraphQLSchema, nodes: Iterable[Node]) -> dict[str, int]:
    """How many members a list given for a variable may have: the fewest of its uses in `nodes`."""
    type_info = TypeInfo(schema)
    uses = _Uses(type_info)
    for node in nodes:
        visit(node, TypeInfoVisitor(type_info, uses))
    return uses.most


def declare_lists(schema: GraphQLSchema) -> None:
    """Adds the maxima of lists to descriptions; raises `DeclarationError` for a longer default."""
    for named_type in schema.type_map.values():
        if isinstance(named_type, GraphQLInputObjectType):
            for name, field in named_type.fields.items():
                _declare(f"{named_type.name}.{name}", field)
        elif isinstance(named_type, GraphQLObjectType):
            for name, field in named_type.fields.items():
                for argument_name, argument in field.args.items():
                    _declare(f"{named_type.name}.{name}({argument_name}:)", argument)


def _declare(coordinate: str, definition: Definition) -> None:
    if not is_list_type(get_nullable_type(definition.type)):
        return
    most = most_of(definition)
    try:
        MemberCount().check(definition.default_value, definition.type, most, coordinate)
    except TooManyMembers as error:
        raise DeclarationError(f"A default is too long: {error}") from None
    described = f"{definition.description} " if definition.description else ""
    definition.description = f"{described}A list of more than {most} is refused."
