"""GraphQL specification, CompleteValue(), one value at a time: fallback of the fast paths."""

from collections.abc import Callable
from typing import Any

from graphql import (
    Executor,
    GraphQLError,
    GraphQLNamedOutputType,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import is_iterable

OutputType = Any
"""graphql-core's output types: their generics cannot be written as an annotation."""

PathBelow = tuple[int, ...]


class FailedAt(Exception):
    """A value could not be completed; `path` has the list indexes from the field to it."""

    def __init__(self, error: Exception, path: PathBelow) -> None:
        super().__init__(str(error))
        self.error = error
        self.path = path


def at(error: Exception, path: PathBelow) -> FailedAt:
    """The failure at a position, unless the error already has a deeper one."""
    return error if isinstance(error, FailedAt) else FailedAt(error, path)


class Completion:
    """Completes the values of one field.

    `report` is called with failures that a nullable list item absorbs; `place` turns the value of
    an object or abstract type into its response object. All messages are graphql-core's.
    """

    __slots__ = ("coordinate", "place", "report")

    def __init__(
        self,
        coordinate: str,
        report: Callable[[FailedAt], None],
        place: Callable[[Any], Any],
    ) -> None:
        self.coordinate = coordinate
        self.report = report
        self.place = place

    def complete(self, type_: OutputType, value: Any, path: PathBelow = ()) -> Any:
        """The completed value; raises the error that prevents it, `FailedAt` if it is deeper."""
        if isinstance(value, Exception):
            raise value
        if is_non_null_type(type_):
            completed = self.complete(type_.of_type, value, path)
            if completed is None:
                raise TypeError(f"Cannot return null for non-nullable field {self.coordinate}.")
            return completed
        if value is None or value is Undefined:
            return None
        if is_list_type(type_):
            return self._complete_list(type_.of_type, value, path)
        if is_leaf_type(type_):
            return Executor.complete_leaf_value(type_, value)
        return self.place(value)

    def _complete_list(self, item_type: OutputType, items: Any, path: PathBelow) -> Any:
        if not is_iterable(items):
            raise GraphQLError(
                f"Expected Iterable, but did not find one for field '{self.coordinate}'."
            )
        return [
            self._complete_item(item_type, item, (*path, index)) for index, item in enumerate(items)
        ]

    def _complete_item(self, type_: OutputType, item: Any, path: PathBelow) -> Any:
        try:
            return self.complete(type_, item, path)
        except Exception as error:
            failure = at(error, path)
            if is_non_null_type(type_):
                raise failure from error
            self.report(failure)
            return None


def unwrapped(type_: OutputType) -> tuple[tuple[bool, ...], GraphQLNamedOutputType]:
    """Whether null is allowed within 0, 1, ... lists of a type, and the type in the innermost."""
    nullable = []
    while True:
        nullable.append(not is_non_null_type(type_))
        inner = get_nullable_type(type_)
        if not is_list_type(inner):
            return tuple(nullable), inner  # pyright: ignore[reportReturnType]
        type_ = inner.of_type
