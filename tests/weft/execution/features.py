"""What `docs/strawberry.md` says of each feature of Strawberry, and the check that shows it."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import strawberry

from weft.errors import DeclarationError
from weft.execution import Schema

YES = "yes"
DIFFERS = "differs"
INTEGRATIONS = "integrations only"
NO = "no"

Check = Callable[[], Awaitable[None]]
Build = Callable[[type[strawberry.Schema]], strawberry.Schema]
Answer = tuple[Any, list[str]]

FEATURES: dict[str, tuple[str, Check]] = {}
"""The first two columns of the page's tables, and the check, in the order of their declaration."""


def feature(name: str, works: str = YES) -> Callable[[Check], Check]:
    """Declares that the check shows how far a feature works here."""

    def declare(check: Check) -> Check:
        assert name not in FEATURES
        FEATURES[name] = works, check
        return check

    return declare


async def executed(schema: strawberry.Schema, text: str, **request: Any) -> Answer:
    """The data and the messages of the errors, by the method that integrations call."""
    result = await schema.execute(text, **request)
    return result.data, [error.message for error in result.errors or ()]


async def run(
    schema: strawberry.Schema,
    text: str,
    *,
    variable_values: dict[str, Any] | None = None,
    context_value: Any = None,
    **request: Any,
) -> Answer:
    """The same by the method that Weft's server calls."""
    assert isinstance(schema, Schema)
    result = await schema.run(text, variables=variable_values, context=context_value, **request)
    return result.data, [error.message for error in result.errors or ()]


async def agreed(build: Build, text: str, **request: Any) -> Answer:
    """What Strawberry's schema and Weft's both answer, the latter by both methods."""
    expected = await executed(build(strawberry.Schema), text, **request)
    assert await executed(build(Schema), text, **request) == expected
    assert await run(build(Schema), text, **request) == expected
    return expected


async def data(build: Build, text: str, **request: Any) -> Any:
    """The data of an agreed answer without errors."""
    found, messages = await agreed(build, text, **request)
    assert not messages
    return found


def left_to_integrations(build: Build, option: str) -> tuple[strawberry.Schema, strawberry.Schema]:
    """Strawberry's schema and Weft's, whose server refuses the option as it starts."""
    schema = build(Schema)
    assert isinstance(schema, Schema)
    with pytest.raises(DeclarationError, match=re.escape(option)):
        _ = schema.engine
    return build(strawberry.Schema), schema
