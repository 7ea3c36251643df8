"""An operation ready to run: its document, its variables, and its plans."""

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from itertools import count
from typing import Any, cast

from graphql import (
    DirectiveNode,
    FieldNode,
    GraphQLSchema,
    VariableNode,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.executor import default_field_resolver, default_type_resolver
from graphql.execution.values import VariableValues
from graphql.language import Visitor, visit
from strawberry.execution import optimized_is_awaitable

from weft.execution.binding import spec_of
from weft.execution.cost import OperationCost
from weft.execution.document import Document
from weft.execution.errors import BAD_USER_INPUT, Refused
from weft.execution.plan import PlanScope, SelectionPlan
from weft.execution.reference import ReferenceExecutor
from weft.execution.run import ExplainedRun, Run
from weft.execution.variables import VariableCoercion

_NUMBERS = count(1)
INTROSPECTION = frozenset({"__schema", "__type"})

MAX_VARIANTS = 8
"""Plans cached per operation, one for each set of values of its @skip and @include variables."""


OPERATION_BYTES = 22_000
"""Memory that an operation takes, however short it is."""
BYTES_PER_TOKEN = 500
"""Memory for each token of its document, with all its plans: the most measured."""
BYTES_PER_CHARACTER = 8
"""Memory for each character, of which some may be both in the text and in a value."""


class _Survey(Visitor):
    """Collects the variables of @skip and @include, all other directives, and introspection."""

    def __init__(self) -> None:
        super().__init__()
        self.conditions: set[str] = set()
        self.others: set[str] = set()
        self.introspects = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.introspects |= node.name.value in INTROSPECTION

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        name = node.name.value
        if name not in ("skip", "include"):
            self.others.add(name)
            return
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.conditions.add(argument.value.name.value)


class _Uses(Visitor):
    def __init__(self, variable: str) -> None:
        super().__init__()
        self.uses = 0
        self._variable = variable

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.uses += node.name.value == self._variable


class Operation:
    """One operation of a valid document; its plans are made when they are first needed.

    `introspects` says whether the document selects the schema. `number` identifies the operation
    in caches that must not refer to it.
    """

    def __init__(self, schema: GraphQLSchema, document: Document) -> None:
        self.number = next(_NUMBERS)
        self.document = document
        self.type = document.type
        self._schema = schema
        self._coercion = VariableCoercion(schema, document)
        survey = _Survey()
        visit(document.node, survey)
        self.introspects = survey.introspects
        self._conditions = sorted(survey.conditions)
        self._foreign = sorted(survey.others)
        self._fragments = {
            name: FragmentDetails(fragment) for name, fragment in document.fragments.items()
        }
        self.cost = OperationCost(schema, document, self._fragments, self._conditions)
        self._plans: OrderedDict[tuple[Any, ...], SelectionPlan] = OrderedDict()

    def coerce(
        self, variables: Mapping[str, Any] | None, *, hide_suggestions: bool = False
    ) -> VariableValues | Refused:
        """The coerced values of the operation's variables, or a `Refused`."""
        values = self._coercion.coerce(variables or {}, hide_suggestions)
        return Refused(values, BAD_USER_INPUT) if isinstance(values, list) else values

    @property
    def variable_names(self) -> set[str]:
        """The names of all variables that the operation defines."""
        return self._coercion.names

    @cached_property
    def start_variable(self) -> str | None:
        """The variable that only sets the cursor to begin after; None if there is none."""
        field = self.document.operation.selection_set.selections[0]
        subscription_type = self._schema.subscription_type
        if not isinstance(field, FieldNode) or subscription_type is None:
            return None
        definition = subscription_type.fields[field.name.value]
        spec = spec_of(definition)
        if spec is None or spec.resume is None:
            return None
        for argument in field.arguments or ():
            if definition.args[argument.name.value].out_name == spec.resume:
                value = argument.value
                if isinstance(value, VariableNode) and self._uses(value.name.value) == 1:
                    return value.name.value
        return None

    def _uses(self, variable: str) -> int:
        counter = _Uses(variable)
        visit(self.document.node, counter)
        return counter.uses - 1  # its definition contains the same kind of node

    def cost_of_compiling(self, values: VariableValues) -> int:
        """The cost of making a plan for these variables: 0 if one was made before."""
        return 0 if self.cost.is_known(values) else self.document.nodes

    def plan(self, values: VariableValues) -> SelectionPlan | str:
        """The plan for these variables, or the reason why graphql-core has to execute it."""
        if self._foreign:
            return f"@{self._foreign[0]}"
        coerced = values.coerced
        conditions = tuple(coerced.get(name) for name in self._conditions)
        plan = self._plans.get(conditions)
        if plan is not None:
            return plan
        if not all(isinstance(value, bool) for value in conditions):
            return "null condition"
        known = VariableValues(
            {name: values.sources[name] for name in self._conditions},
            {name: coerced[name] for name in self._conditions},
        )
        plan = PlanScope(self._schema, self.document.operation, self._fragments, known).root()
        self._plans[conditions] = plan
        if len(self._plans) > MAX_VARIANTS:
            self._plans.popitem(last=False)
        return plan

    def graphql_core(
        self, values: VariableValues, context: Any, root_value: Any
    ) -> ReferenceExecutor:
        """graphql-core's executor for one run."""
        return ReferenceExecutor(
            self._schema,
            self.document.fragments,
            self._fragments,
            root_value,
            context,
            self.document.operation,
            values,
            default_field_resolver,
            cast(Any, default_type_resolver),
            default_field_resolver,
            is_awaitable=cast(Any, optimized_is_awaitable),
        )

    def start(
        self,
        plan: SelectionPlan,
        values: VariableValues,
        context: Any,
        root_value: Any,
        *,
        raw: bool = False,
    ) -> Run:
        """A compiled run of the operation; it reports to the context's explanation, if any."""

        def make_executor() -> ReferenceExecutor:
            return self.graphql_core(values, context, root_value)

        explanation = getattr(context, "explanation", None)
        if explanation is None:
            return Run(plan, values, context, root_value, make_executor, raw=raw)
        return ExplainedRun(
            *(plan, values, context, root_value, make_executor), raw=raw, explanation=explanation
        )


def weight_of_operation(text: str, tokens: int) -> int:
    """The bytes of memory that the compiled operation of a text takes."""
    return OPERATION_BYTES + BYTES_PER_TOKEN * tokens + BYTES_PER_CHARACTER * len(text)


def asynchronous_types(schema: GraphQLSchema) -> list[str]:
    """The types that resolve objects' types by a coroutine: the compiler does not support them."""
    return [
        name
        for name, named_type in schema.type_map.items()
        if inspect.iscoroutinefunction(getattr(named_type, "resolve_type", None))
        or inspect.iscoroutinefunction(getattr(named_type, "is_type_of", None))
    ]
