"""The errors of a result, as tests compare them."""

from typing import Any

from graphql import ExecutionResult

from weft.execution import format_error


def told(result: ExecutionResult) -> list[tuple[str, list[Any] | None]]:
    return sorted(
        ((error.message, error.path) for error in result.errors or ()), key=lambda item: str(item)
    )


def codes(result: ExecutionResult) -> list[str]:
    return [format_error(error).get("extensions", {})["code"] for error in result.errors or ()]
