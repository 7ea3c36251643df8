from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
import strawberry

from weft.declare.fields import Guard, column, event, field, mutation, root
from weft.declare.info import Info
from weft.declare.pagination import Page
from weft.declare.types import output
from weft.errors import DeclarationError
from weft.execution.schema import Schema


class BookRow(msgspec.Struct, frozen=True):
    id: int
    title: str
    pages: list[int]


class ShelfRow(msgspec.Struct, frozen=True):
    id: int


@output(BookRow)
class Book:
    """A book."""

    title: str = column("What it is called.")
    pages: list[int] = column("Their numbers.")


@output(ShelfRow)
class Shelf:
    """A shelf."""

    id: int = column("Its number.")


@output(Page)
class BookPage:
    """A page of books."""

    nodes: list[Book] = column("The books.")


EVERYBODY = Guard(lambda rows, info: [True] * len(rows), "Nobody is refused.")


def schema_of(answer: Any, type_: Any, **options: Any) -> Schema:
    """Returns a schema whose field `book` has this type and resolver."""

    @output()
    class Query:
        """The root."""

        __annotations__ = {"book": type_}
        book = root(answer, **options)

    return Schema(Query, types=[Book, Shelf])


def schema_below(answers: Any, type_: Any, **options: Any) -> Schema:
    """Returns a schema whose shelves have a field `book` with this type and resolver."""

    @output(ShelfRow, name="OwnShelf")
    class OwnShelf:
        """A shelf."""

        __annotations__ = {"book": type_}
        book = field(answers, **options)

    async def shelf(info: Info) -> ShelfRow:
        """The shelf."""
        return ShelfRow(1)

    @output()
    class Query:
        """The root."""

        shelf_: OwnShelf = root(shelf)

    return Schema(Query)


async def book(info: Info) -> BookRow | None:
    """A book."""
    return None


async def books(info: Info) -> list[BookRow | None]:
    """Books."""
    return []


async def book_page(info: Info) -> Page[BookRow]:
    """A page of books."""
    raise NotImplementedError


async def shelf_page(info: Info) -> Page[ShelfRow]:
    """A page of shelves."""
    raise NotImplementedError


def title(info: Info) -> str:
    """A title."""
    return ""


def anything(info: Info) -> Any:
    """Whatever it is."""
    return None


async def books_below(shelves: Sequence[ShelfRow], info: Info) -> Sequence[BookRow | None]:
    """A book for each shelf."""
    return [None for _ in shelves]


class TestReturnType:
    @pytest.mark.parametrize(
        ("answer", "type_"),
        [
            (book, Book),
            (book, Book | None),
            (books, list[Book | None]),
            (book_page, BookPage),
            (title, str),
            (title, strawberry.ID),
            (anything, Book),
        ],
    )
    def test_resolver_may_return_the_row_of_its_type(self, answer: Any, type_: Any):
        schema_of(answer, type_)

    @pytest.mark.parametrize(
        ("answer", "type_"),
        [
            (book, Shelf),
            (book, list[Book]),
            (book, str),
            (books, Book),
            (books, list[Shelf]),
            (shelf_page, BookPage),
            (book_page, list[Book]),
            (title, int),
            (title, list[str]),
            (title, Book),
        ],
    )
    def test_resolver_may_return_nothing_else(self, answer: Any, type_: Any):
        with pytest.raises(DeclarationError, match=r"^Query\.book is of type .*answered by"):
            schema_of(answer, type_)

    def test_batched_field_is_checked_by_its_result_for_one_parent(self):
        schema_below(books_below, Book | None)
        with pytest.raises(DeclarationError, match=r"^OwnShelf\.book is of type"):
            schema_below(books_below, list[Book])
        with pytest.raises(DeclarationError, match=r"^OwnShelf\.book is of type"):
            schema_below(books_below, Shelf)

    def test_guarded_fields_and_mutations_are_checked(self):
        with pytest.raises(DeclarationError, match=r"^OwnShelf\.book is of type"):
            schema_below(books_below, Shelf | None, guard=EVERYBODY)

        @output()
        class Query:
            """The root."""

            book_: Book | None = root(book)

        @output()
        class Mutation:
            """The root."""

            write: Shelf | None = mutation(book)

        with pytest.raises(DeclarationError, match=r"^Mutation\.write is of type"):
            Schema(Query, Mutation)

    def test_subscription_is_checked_by_the_type_of_one_event(self):
        async def written(info: Info) -> AsyncIterator[BookRow]:
            """Books as they are written."""
            for row in ():
                yield row

        @output()
        class Query:
            """The root."""

            book_: Book | None = root(book)

        @output()
        class Subscription:
            """The root."""

            book_written: Shelf = event(written)

        with pytest.raises(DeclarationError, match=r"^Subscription\.bookWritten is of type"):
            Schema(Query, subscription=Subscription)


class TestColumn:
    def test_column_must_have_the_type_of_the_row(self):
        @output(BookRow)
        class Misread:
            """A book, misread."""

            pages: str = column("Their numbers.")

        with pytest.raises(DeclarationError, match=r"^Misread\.pages is of type String!"):
            schema_of(anything, Misread)


class TestGuard:
    def test_guarded_field_must_be_nullable(self):
        schema_below(books_below, Book | None, guard=EVERYBODY)
        with pytest.raises(DeclarationError, match=r"OwnShelf\.book has a guard and must be null"):
            schema_below(books_below, Book, guard=EVERYBODY)
