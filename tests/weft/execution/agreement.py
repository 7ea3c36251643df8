"""Checks that two executors agree on an operation, as far as the specification requires.

It determines `data` completely. It leaves free the order of errors, and which errors are reported
below a position that an error has nulled: see "Handling Field Errors". So:

- an error that has nulled no more than its own position must be reported by both, alike;
- a position that is null because of an error deeper down must have such an error in both;
- any reported error must be one that graphql-core finds when errors do not propagate.
"""

import json
import re
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import get_variable_values

from tests.weft.execution.torture_answers import Context
from weft.execution.engine import Engine
from weft.execution.errors import Refused

_COUNTS = re.compile(r"promised \d+ results, one for each parent, and gave \d+")

Told = tuple[str, tuple[str | int, ...], tuple[Any, ...]]


class Disagreement(AssertionError):
    """The executors give different results."""


class Executors:
    """The compiled executor and graphql-core, for one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.compiled = Engine(schema)
        self.reference = Engine(schema, executor="reference")

    def _check_variables(self, text: str, variables: dict[str, Any]) -> None:
        operation = self.compiled.operation(text)
        if isinstance(operation, Refused):
            return
        definitions = operation.document.operation.variable_definitions or ()
        ours = operation.coerce(variables)
        theirs = get_variable_values(self.schema, definitions, variables, max_errors=50)
        if isinstance(theirs, list):
            same = isinstance(ours, Refused) and _told_all(ours) == _told_all(
                ExecutionResult(None, theirs)
            )
        else:
            same = not isinstance(ours, Refused) and repr(ours.coerced) == repr(theirs.coerced)
        if not same:
            raise Disagreement(f"variables {ours} {theirs}\n{text} {variables}")

    async def check(self, text: str, variables: dict[str, Any], trouble: float) -> str:
        """Raises `Disagreement`; returns the kind of case: refused, errors or clean."""
        theirs = await results_of(self.reference, text, variables, trouble)
        ours = await results_of(self.compiled, text, variables, trouble)
        self._check_variables(text, variables)
        await self._compare(ours, theirs, text, variables, trouble)
        if not text.startswith("subscription"):
            # Texts are stored with rows in the first run at the latest, and used in the second.
            for _ in range(2):
                raw = await raw_results_of(self.compiled, text, variables, trouble)
                await self._compare(raw, theirs, text, variables, trouble)
        return _kind(ours[0])

    async def _compare(
        self, our: "Results", their: "Results", text: str, variables: dict[str, Any], trouble: float
    ) -> None:
        (ours, our_calls), (theirs, their_calls) = our, their
        story = f"{text}\n{variables} trouble={trouble}\n{ours}\n{theirs}"
        if text.startswith("mutation") and our_calls != their_calls:
            raise Disagreement(f"calls {our_calls} {their_calls}\n{story}")
        if len(ours) != len(theirs):
            raise Disagreement(f"results\n{story}")
        if any(result.errors for result in (*ours, *theirs)) and not isinstance(ours[0], Refused):
            possible = await _possible_errors(self.reference, text, variables, trouble)
        else:
            possible = set()
        for our_result, their_result in zip(ours, theirs, strict=True):
            difference = _difference(our_result, their_result, possible)
            if difference:
                raise Disagreement(f"{difference}\n{story}")


Results = tuple[list[ExecutionResult], list[str]]
"""The results of an operation, and the calls that it made."""


async def raw_results_of(
    engine: Engine, text: str, variables: dict[str, Any], trouble: float
) -> Results:
    """Like `results_of`, but parts of the data may already be JSON."""
    context = Context(trouble)
    result = await engine.run(text, variables=variables, context=context, raw=True)
    if result.data is not None:
        result.data = json.loads(msgspec.json.encode(result.data))
    return [result], context.calls


async def results_of(
    engine: Engine, text: str, variables: dict[str, Any], trouble: float
) -> Results:
    context = Context(trouble)
    results = await engine.stream(text, variables=variables, context=context)
    if isinstance(results, Refused):
        return [results], context.calls
    return [result async for result in results], context.calls


async def _possible_errors(
    engine: Engine, text: str, variables: dict[str, Any], trouble: float
) -> set[Told]:
    """All errors that graphql-core finds when errors do not propagate."""
    operation = engine.operation(text)
    assert not isinstance(operation, Refused)
    make = operation.graphql_core

    def make_without_spreading(*values: Any) -> Any:
        executor = make(*values)
        executor.error_propagation = False
        return executor

    operation.graphql_core = make_without_spreading  # type: ignore[method-assign]
    try:
        results, _ = await results_of(engine, text, variables, trouble)
    finally:
        operation.graphql_core = make  # type: ignore[method-assign]
    return {told for result in results for told in _told_all(result)}


def _told(error: GraphQLError) -> Told:
    message = _COUNTS.sub("promised and gave", error.message)
    return message, tuple(error.path or ()), tuple(error.locations or ())


def _told_all(result: ExecutionResult) -> list[Told]:
    return sorted((_told(error) for error in result.errors or ()), key=repr)


def _difference(our: ExecutionResult, their: ExecutionResult, possible: set[Told]) -> str:
    if json.dumps(our.data) != json.dumps(their.data):
        return "data"
    if isinstance(our, Refused) or isinstance(their, Refused):
        same = type(our) is type(their) and _told_all(our) == _told_all(their)
        return "" if same else "refusal"
    return _difference_of_errors(our, their, possible)


def _difference_of_errors(our: ExecutionResult, their: ExecutionResult, possible: set[Told]) -> str:
    paths = [tuple(error.path or ()) for error in our.errors or ()]
    if len(paths) != len(set(paths)):
        return "an error told twice"
    sides = []
    for result in (our, their):
        for told in _told_all(result):
            if told not in possible and told[1]:
                return f"impossible error {told}"
        own, spread = set(), set()
        for told in _told_all(result):
            null = _null_position(result.data, told[1])
            if null is None:
                return f"error without a null {told}"
            if null == told[1]:
                own.add(told)
            else:
                spread.add(null)
        sides.append((own, spread))
    return "" if sides[0] == sides[1] else f"errors {sides[0]} {sides[1]}"


def _null_position(data: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    for depth, key in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[key]
    return path if data is None else None


def _kind(results: list[ExecutionResult]) -> str:
    if isinstance(results[0], Refused):
        return "refused"
    return "errors" if any(result.errors for result in results) else "clean"
