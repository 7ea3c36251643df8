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
    specified_rules,
    validate,
)

from weft.execution.errors import (
    TOO_DEEP,
    VALIDATION_FAILED,
    Refused,
    refuse_operation,
    refuse_parsing,
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
) -> Document | Refused:
    """The document of a text, valid by the specification's rules and by `rules`."""
    try:
        node = parse(text)
        errors = validate(schema, node, [*specified_rules, *rules])
    except GraphQLError as error:
        return refuse_parsing(error)
    except RecursionError:
        return Refused([GraphQLError(TOO_DEEP)], VALIDATION_FAILED)
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
    return refuse_operation(f"Unknown operation named '{name}'.")
