"""How large a document may be and what an operation may cost.

The size is checked once per text, before validation. GraphQL specification, "Validation", does not
limit it: a document of a few lines can stand for any number of fields, as fragments spread others.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    BREAK,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.language import Visitor, visit
from graphql.validation import OverlappingFieldsCanBeMergedRule, ValidationContext

from weft.errors import DocumentLimitExceeded

COMPARISONS_PER_TOKEN = 24
"""Comparisons for merging fields; ten fragments of one type beside each other take six."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document may be, and what an operation in it may cost."""

    characters: int = 131_072
    tokens: int = 3_000
    depth: int = 20
    """Fields within fields, with fragments expanded."""
    aliases: int = 100
    directives: int = 100
    fragments: int = 200
    nodes: int = 5_000
    """Fields of all operations together, with fragments expanded."""
    name_characters: int = 256
    """Length of each name: aliases are repeated in the response, once for each object."""
    cost: int = 25_000
    """Cost of a query or mutation: see `weft.execution.cost`."""
    subscription_cost: int = 1_000
    """Cost of each event of a subscription."""


class _Size(NamedTuple):
    """The size of a selection set, with fragments expanded."""

    nodes: int
    depth: int


@dataclass(slots=True)
class _Counts:
    """The aliases and directives found in the document so far, each node once."""

    aliases: list[Node] = field(default_factory=list[Node])
    directives: list[Node] = field(default_factory=list[Node])


def check_names(document: DocumentNode, text: str, limits: Limits) -> GraphQLError | None:
    """The error of a name that is too long; None if there is none. `text` is the document's."""
    limit = limits.name_characters
    if re.search(rf"[_0-9A-Za-z]{{{limit + 1}}}", text) is None:
        return None
    finder = _LongName(limit)
    visit(document, finder)
    return None if finder.found is None else exceeds("name_characters", limit, finder.found)


class _LongName(Visitor):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self.found: Node | None = None
        self._limit = limit

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, NameNode | EnumValueNode) and len(node.value) > self._limit:
            self.found = node
            return BREAK
        return None


def check_size(document: DocumentNode, limits: Limits) -> GraphQLError | int:
    """How many fields the document stands for, or the limit's error. Visits each node once."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    counts = _Counts()
    measure = _Measure(fragments, counts)
    nodes = 0
    for definition in document.definitions:
        counts.directives += getattr(definition, "directives", None) or ()
        if isinstance(definition, FragmentDefinitionNode):
            measure.fragment(definition.name.value)
        elif isinstance(definition, OperationDefinitionNode):
            for variable in definition.variable_definitions or ():
                counts.directives += variable.directives or ()
            size = measure.selections(definition.selection_set)
            nodes += size.nodes
            if size.depth > limits.depth:
                return exceeds("depth", limits.depth, definition)
            if nodes > limits.nodes:
                return exceeds("nodes", limits.nodes, definition)
    counted: tuple[tuple[str, list[Node], int], ...] = (
        ("fragments", list(fragments.values()), limits.fragments),
        ("aliases", counts.aliases, limits.aliases),
        ("directives", counts.directives, limits.directives),
    )
    for what, found, limit in counted:
        if len(found) > limit:
            return exceeds(what, limit, found[limit])
    return nodes


def exceeds(what: str, limit: int, node: Node | None = None) -> GraphQLError:
    """The error of a document that exceeds a limit."""
    match what:
        case "depth":
            message = f"The document is nested more than {limit} fields deep."
        case "name_characters":
            message = f"A name in the document has more than {limit} characters."
        case "comparisons":
            message = (
                f"The document takes more than {limit} comparisons of fields that have one name; "
                "select each once."
            )
        case _:
            message = f"The document has more than {limit} {what}."
    error = DocumentLimitExceeded(message, limit=what, maximum=limit)
    return GraphQLError(message, node, original_error=error)


class _Measure:
    """Measures selection sets; each fragment once, however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], counts: _Counts) -> None:
        self._fragments = fragments
        self._counts = counts
        self._known: dict[str, _Size] = {}

    def fragment(self, name: str) -> _Size:
        known = self._known.get(name)
        if known is None:
            # A fragment that spreads itself counts without that spread; validation refuses it.
            self._known[name] = _Size(0, 0)
            definition = self._fragments.get(name)
            if definition is not None:
                self._known[name] = self.selections(definition.selection_set)
            known = self._known[name]
        return known

    def selections(self, selection_set: SelectionSetNode) -> _Size:
        nodes = depth = 0
        for selection in selection_set.selections:
            self._counts.directives += selection.directives or ()
            if isinstance(selection, FragmentSpreadNode):
                below = self.fragment(selection.name.value)
            else:
                nested: SelectionSetNode | None = getattr(selection, "selection_set", None)
                below = self.selections(nested) if nested else _Size(0, 0)
                if isinstance(selection, FieldNode):
                    if selection.alias:
                        self._counts.aliases.append(selection)
                    below = _Size(below.nodes + 1, below.depth + 1)
            nodes += below.nodes
            depth = max(depth, below.depth)
        return _Size(nodes, depth)


class BoundedOverlappingFields(OverlappingFieldsCanBeMergedRule):
    """The specification's rule for merging fields, with work in proportion to the document.

    The rule compares the fields of one name in pairs, which is quadratic without a limit.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = comparisons_allowed(context.document)


def comparisons_allowed(document: DocumentNode) -> int:
    """How many steps graphql-core's rule may take to merge the fields of a document."""
    return COMPARISONS_PER_TOKEN * getattr(document, "token_count", 0)
