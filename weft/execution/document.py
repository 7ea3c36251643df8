"""Reads texts into documents: parsed, validated, and one operation chosen."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from re import finditer

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Source,
    SourceLocation,
    parse,
    recommended_rules,
    specified_rules,
    validate,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule

from weft.echo import echoed
from weft.execution.errors import (
    VALIDATION_FAILED,
    Refused,
    refuse,
    refuse_operation,
    refuse_parsing,
)
from weft.execution.input_lists import BoundedLists
from weft.execution.limits import (
    BoundedOverlappingFields,
    Limits,
    check_names,
    check_size,
    comparisons_allowed,
    exceeds,
)

MAX_ERRORS = 20
"""Most errors reported for a document: some, which suggest similar names, take long to make."""

ABORTED = "Parsing aborted."
VALIDATION_ABORTED = "Validation aborted."
RULES = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    *recommended_rules,
    BoundedOverlappingFields,
    BoundedLists,
)


class _Text(Source):
    """A source that finds the line of a position without reading all lines before it."""

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(newline.end() for newline in finditer(r"\r\n|[\n\r]", self.body))]

    def get_location(self, position: int) -> SourceLocation:
        line = bisect_right(self._lines, position)
        return SourceLocation(line, position + 1 - self._lines[line - 1])


@dataclass(frozen=True, slots=True)
class Document:
    """A validated document and the operation that was chosen in it."""

    node: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    nodes: int
    """Fields of all operations in it, with fragments expanded."""

    @property
    def type(self) -> OperationType:
        """Whether the operation is a query, a mutation or a subscription."""
        return self.operation.operation


def read_document(
    schema: GraphQLSchema,
    text: str,
    operation_name: str | None,
    rules: Sequence[type[ASTValidationRule]],
    limits: Limits,
    *,
    hide_suggestions: bool = False,
    charge: Callable[[int], None] | None = None,
) -> Document | Refused:
    """The document of a text, within the limits, valid by the specification's rules and by `rules`.

    The work is in proportion to the text, whose length is limited. `charge` is called with the
    number of tokens before they are validated.
    """
    parsed = _parsed(text, limits)
    if isinstance(parsed, Refused):
        return parsed
    node, size = parsed
    if charge is not None:
        charge(node.token_count)
    errors = validate(schema, node, [*RULES, *rules], MAX_ERRORS, hide_suggestions=hide_suggestions)
    if errors and errors[-1].message == VALIDATION_ABORTED:
        return refuse(exceeds("comparisons", comparisons_allowed(node)))
    if errors:
        return Refused(errors, VALIDATION_FAILED)
    operations = [
        definition
        for definition in node.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    chosen = _choose(operations, operation_name)
    if isinstance(chosen, Refused):
        return chosen
    if schema.get_root_type(chosen.operation) is None:
        return refuse_operation(
            f"Schema is not configured to execute {chosen.operation.value} operation."
        )
    fragments = {
        definition.name.value: definition
        for definition in node.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return Document(node, chosen, fragments, size)


def _parsed(text: str, limits: Limits) -> tuple[DocumentNode, int] | Refused:
    """The document of a text and how many fields it stands for, if it is within the limits."""
    if len(text) > limits.characters:
        return refuse(exceeds("characters", limits.characters))
    try:
        node = parse(_Text(text), max_lexical_tokens=limits.tokens)
    except GraphQLError as error:
        if not error.message.endswith(ABORTED):
            return refuse_parsing(error)
        deep = "nested too deeply" in error.message
        return refuse(exceeds("depth", limits.depth) if deep else exceeds("tokens", limits.tokens))
    too_long = check_names(node, text, limits)
    if too_long is not None:
        return refuse(too_long)
    size = check_size(node, limits)
    if isinstance(size, GraphQLError):
        return refuse(size)
    return node, size


def _choose(
    operations: list[OperationDefinitionNode], name: str | None
) -> OperationDefinitionNode | Refused:
    """GraphQL specification, GetOperation()."""
    if name is None:
        if len(operations) == 1:
            return operations[0]
        if operations:
            return refuse_operation(
                "Must provide operation name if query contains multiple operations."
            )
        return refuse_operation("Must provide an operation.")
    for operation in operations:
        if operation.name and operation.name.value == name:
            return operation
    return refuse_operation(f"Unknown operation named '{echoed(name)}'.")
