"""Documents out of texts: parsed, validated, and one operation chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
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
from weft.execution.limits import (
    BoundedOverlappingFields,
    Limits,
    check_size,
    comparisons_allowed,
    exceeds,
)

ABORTED = "Parsing aborted."
VALIDATION_ABORTED = "Validation aborted."
RULES = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    *recommended_rules,
    BoundedOverlappingFields,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A validated document and the operation that was chosen in it."""

    node: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]

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
) -> Document | Refused:
    """The document of a text, within the limits, valid by the specification's rules and by `rules`.

    What this takes is in proportion to the text, and the text is bounded.
    """
    if len(text) > limits.characters:
        return refuse(exceeds("characters", limits.characters))
    try:
        node = parse(text, max_lexical_tokens=limits.tokens)
    except GraphQLError as error:
        if not error.message.endswith(ABORTED):
            return refuse_parsing(error)
        deep = "nested too deeply" in error.message
        return refuse(exceeds("depth", limits.depth) if deep else exceeds("tokens", limits.tokens))
    too_large = check_size(node, limits)
    if too_large is not None:
        return refuse(too_large)
    errors = validate(schema, node, [*RULES, *rules], hide_suggestions=hide_suggestions)
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
    return Document(node, chosen, fragments)


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
