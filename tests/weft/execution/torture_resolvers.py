"""The resolvers of the torture schema: fast or slow, with right answers, errors or wrong ones."""

import asyncio
from collections.abc import AsyncIterator, Generator, Sequence
from typing import Any

from tests.weft.execution.torture_answers import Field, Row


def _caught(answers: Field, row: Any, arguments: dict[str, Any]) -> Any:
    try:
        return answers.answer(row, arguments)
    except Exception as error:
        return error


async def _pause(answers: Field, seed: Any) -> None:
    for _ in range(answers.random("pause", seed).randrange(4)):
        await asyncio.sleep(0)


def batched(answers: Field, slow: bool) -> Any:
    def answer_all(rows: Sequence[Any], info: Any, arguments: dict[str, Any]) -> list[Any]:
        random = answers.random("batch", sorted(arguments))
        if random.random() < info.context.trouble / 4:
            raise RuntimeError(f"{answers.coordinate} batch")
        found = [_caught(answers, row, arguments) for row in rows]
        return found[1:] if random.random() < info.context.trouble / 8 else found

    if not slow:
        return lambda rows, info, **arguments: answer_all(rows, info, arguments)

    async def resolve(rows: Sequence[Any], info: Any, **arguments: Any) -> list[Any]:
        await _pause(answers, len(arguments))
        return answer_all(rows, info, arguments)

    return resolve


def root(answers: Field, slow: bool) -> Any:
    def answer(info: Any, arguments: dict[str, Any]) -> Any:
        info.context.calls.append(answers.coordinate)
        return answers.answer(None, {**arguments, "trouble": info.context.trouble})

    if not slow:
        return lambda info, **arguments: answer(info, arguments)

    async def resolve(info: Any, **arguments: Any) -> Any:
        await _pause(answers, 0)
        return answer(info, arguments)

    return resolve


def events(answers: Field) -> Any:
    async def resolve(info: Any, **arguments: Any) -> AsyncIterator[Any]:
        for index in range(3):
            trouble = info.context.trouble
            random = answers.random(index, sorted(arguments))
            if random.random() < trouble / 2:
                raise RuntimeError(f"{answers.coordinate} source")
            try:
                event = answers.value(random, answers.type, trouble, [])
            except Exception as error:
                event = error
            yield event

    return resolve


def foreign(answers: Field, slow: bool) -> Any:
    def answer(row: Any, info: Any, arguments: dict[str, Any]) -> Any:
        if isinstance(row, Row):
            value = answers.answer(row, arguments)
        else:
            # Below the root, executors are free to run or skip fields that an error has nulled.
            if row is None:
                info.context.calls.append(answers.coordinate)
            value = answers.answer(None, {**arguments, "trouble": info.context.trouble})
        return f"{value}@{info.path.as_list()}" if isinstance(value, str) else value

    if not slow:
        return lambda row, info, **arguments: answer(row, info, arguments)

    async def resolve(row: Any, info: Any, **arguments: Any) -> Any:
        seed = getattr(row, "seed", 0)
        await _pause(answers, seed)
        value = answer(row, info, arguments)
        if isinstance(value, list) and seed % 2:
            return [_Later(item) for item in value] if seed % 3 else _each(value)
        return value

    return resolve


class _Later:
    """An awaitable list item; unlike a coroutine it is no leak if it is never awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


async def _each(values: list[Any]) -> AsyncIterator[Any]:
    for value in values:
        await asyncio.sleep(0)
        yield value
