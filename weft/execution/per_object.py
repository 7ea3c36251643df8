"""Fields that have a resolver for each object, as plain Strawberry and graphql-core fields do."""

import asyncio
from collections.abc import Sequence
from typing import Any

from graphql import (
    Executor,
    GraphQLObjectType,
    GraphQLResolveInfo,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
)
from graphql.execution.executor import (
    default_field_resolver,
    default_type_resolver,
    invalid_return_type_error,
)
from graphql.pyutils import Path, is_iterable
from strawberry.execution import optimized_is_awaitable as is_awaitable

from weft.execution.completion import OutputType
from weft.execution.plan import FieldPlan
from weft.execution.reference import cancelled_inside
from weft.execution.response_path import Level, Place


def resolve_info(
    executor: Executor[Any], field: FieldPlan, level: Level, place: Place | None
) -> GraphQLResolveInfo[Any]:
    """The resolve info that graphql-core would give for the field of the object at a place."""
    path = None if place is None else _path(level, place)
    return executor.build_resolve_info(
        field.definition,
        field.nodes,
        field.parent_type,
        Path(path, field.key, field.parent_type.name),
    )


def _path(level: Level, place: Place) -> Path | None:
    """graphql-core's path of an object, which includes the types that it leads through."""
    if level.field is None or level.parent is None:
        return None
    indexes: list[str | int] = []
    for _ in range(level.field.depth):
        indexes.append(place.key)
        assert place.parent is not None
        place = place.parent
    assert place.parent is not None
    path = Path(_path(level.parent, place.parent), level.field.key, level.field.parent_type.name)
    for index in reversed(indexes):
        path = path.add_key(index)
    return path


def call_for_each(
    executor: Executor[Any], field: FieldPlan, level: Level, arguments: dict[str, Any]
) -> list[Any]:
    """The resolver's answer for each row: a value, an awaitable, or the exception it raised."""
    resolve = field.definition.resolve or default_field_resolver
    answers: list[Any] = []
    for row, places in zip(level.rows, level.places(), strict=True):
        place = next((place for place in places if place.stands()), None)
        if place is None:
            answers.append(None)
            continue
        try:
            answer = resolve(row, resolve_info(executor, field, level, place), **arguments)
            answers.append(_listed(answer, field.definition.type))
        except Exception as error:
            answers.append(error)
    return answers


def must_wait(answers: Sequence[Any], type_: OutputType) -> bool:
    """Whether any of the answers is an awaitable or contains one."""
    return any(_waits(answer, type_) for answer in answers)


async def wait_for_each(answers: Sequence[Any], type_: OutputType, coordinate: str) -> list[Any]:
    """The answers with everything in them awaited; exceptions in place of those that failed."""
    waiting = [place for place, answer in enumerate(answers) if _waits(answer, type_)]
    settled = list(answers)
    if len(waiting) == 1:
        found = [await _caught(answers[waiting[0]], type_, coordinate)]
    else:
        found = await asyncio.gather(
            *(_caught(answers[place], type_, coordinate) for place in waiting)
        )
    for place, answer in zip(waiting, found, strict=True):
        settled[place] = answer
    return settled


async def _caught(answer: Any, type_: OutputType, coordinate: str) -> Any:
    try:
        if is_awaitable(answer):
            answer = _listed(await answer, type_)
        if not _waits(answer, type_):
            return answer
        item_type = get_nullable_type(type_).of_type  # pyright: ignore[reportAttributeAccessIssue]
        if hasattr(answer, "__aiter__"):
            answer = [item async for item in answer]
        return await wait_for_each(answer, item_type, coordinate)
    except Exception as error:
        return error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return cancelled_inside(coordinate)


def _listed(answer: Any, type_: OutputType) -> Any:
    """Reads an iterable for a list type into a list, once, as it may be a generator."""
    if answer.__class__ in (list, tuple) or not is_list_type(get_nullable_type(type_)):
        return answer
    return list(answer) if is_iterable(answer) and not is_awaitable(answer) else answer


def _waits(answer: Any, type_: OutputType) -> bool:
    if is_awaitable(answer):
        return True
    nullable_type = get_nullable_type(type_)
    if not is_list_type(nullable_type):
        return False
    if isinstance(answer, list | tuple):
        return must_wait(answer, nullable_type.of_type)
    return hasattr(answer, "__aiter__")


def runtime_type(
    executor: Executor[Any], field: FieldPlan, value: Any, info: GraphQLResolveInfo[Any]
) -> GraphQLObjectType:
    """GraphQL specification, ResolveAbstractType(); raises if no type fits the value."""
    named_type: Any = field.named_type
    if is_abstract_type(named_type):
        resolve = named_type.resolve_type or default_type_resolver
        name = resolve(value, info, named_type)
        named_type = executor.ensure_valid_runtime_type(
            name, named_type, field.details, info, value
        )
    if named_type.is_type_of and not named_type.is_type_of(value, info):
        raise invalid_return_type_error(named_type, value, field.details)
    return named_type
