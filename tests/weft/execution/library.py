"""A library whose books are remembered, and whose writers have to be resolved."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import strawberry

from weft.declare.fields import column, derived, field, root
from weft.declare.info import Info
from weft.declare.remembered import Remembered
from weft.declare.types import output
from weft.execution import Schema


class WriterRow(msgspec.Struct, Remembered, frozen=True, dict=True):
    name: str


class BookRow(msgspec.Struct, Remembered, frozen=True, dict=True):
    title: str
    writer: str
    sequel: "BookRow | None" = None

    @property
    def room_bytes(self) -> int:
        return 200


class OddWriterRow(WriterRow, frozen=True, dict=True):
    """A writer of another class, so that writers are not all alike."""


class OddBookRow(BookRow, frozen=True, dict=True):
    """A book of another class."""


class SpineRow(msgspec.Struct, frozen=True):
    book: BookRow | None


class ShelfRow(msgspec.Struct, frozen=True):
    books: list[BookRow]

    @property
    def spines(self) -> list[SpineRow]:
        return [SpineRow(book) for book in self.books]


class Library:
    def __init__(self) -> None:
        self.writers = {name: WriterRow(name) for name in ("Ann", "Bo", "Zoë")}
        self.shelves = [
            ShelfRow([BookRow("One", "Ann"), BookRow("100% %b", "Zoë"), BookRow("Two", "Ann")]),
            ShelfRow([]),
            ShelfRow([BookRow('"\0"\n', "Bo", BookRow("Three", "Ann"))]),
        ]
        self.answer: Any = None
        self.lists: Any = None
        self.asked: list[list[str]] = []
        self.read: list[str] = []

    def books(self, *titles: str) -> None:
        self.shelves = [ShelfRow([BookRow(title, "Ann") for title in titles])]


LIBRARY: list[Library] = []


def _length(row: BookRow) -> int:
    LIBRARY[0].read.append(row.title)
    return len(row.title)


async def writers(books: Sequence[BookRow], info: Info) -> Any:
    """The writer of a book."""
    library = info.context
    library.asked.append([book.title for book in books])
    found = [library.writers.get(book.writer) for book in books]
    return found if library.answer is None else await library.answer(found)


def books_of(rows: Sequence[WriterRow], info: Info) -> list[list[BookRow]]:
    """All books of a writer."""
    info.context.asked.append([row.name for row in rows])
    books = [book for shelf in info.context.shelves for book in shelf.books]
    found = [[book for book in books if book.writer == row.name] for row in rows]
    return found if info.context.lists is None else info.context.lists(found)


def readers(books: Sequence[BookRow], info: Info) -> list[list[WriterRow]]:
    """All writers except that of the book."""
    everybody = info.context.writers.values()
    return [[one for one in everybody if one.name != book.writer] for book in books]


def place(books: Sequence[BookRow], info: Info) -> list[SpineRow]:
    """The same place for every book."""
    return [SpineRow(info.context.shelves[0].books[0])] * len(books)


@output(WriterRow)
class Writer:
    """A writer."""

    name: str = column("The name.")
    books: "list[Book]" = field(books_of)


@output(BookRow)
class Book:
    """A book."""

    title: str = column("The title.")
    sequel: "Book | None" = column("The next of its kind.")
    length: int = derived(_length, "That of its title.")
    writer: Writer = field(writers)
    maybe: Writer | None = field(writers)
    readers: list[Writer] = field(readers)
    place: "Spine" = field(place)


@output(SpineRow)
class Spine:
    """A place on a shelf."""

    book: Book | None = column("What stands there.")
    width: int = derived(lambda row: len(row.book.title), "How wide it is.")


@output(ShelfRow)
class Shelf:
    """A shelf."""

    books: list[Book] = column("Its books.")
    spines: list[Spine] = column("Its books in their places.")


def shelves(info: Info) -> list[ShelfRow]:
    """All shelves."""
    return info.context.shelves


@strawberry.type
class Query:
    """All."""

    shelves: list[Shelf] = root(shelves)


ENGINE = Schema(Query).engine
WRITTEN = "{ shelves { books { title writer { name } length } } }"


async def told(library: Library, text: str, *, raw: bool = True, **options: Any) -> Any:
    result = await ENGINE.run(text, context=library, raw=raw, **options)
    errors = [error.formatted for error in result.errors or ()]
    return {"data": json.loads(msgspec.json.encode(result.data)), "errors": errors}


async def made_again(library: Library, text: str = WRITTEN) -> Any:
    """The answer once texts are stored, which must equal the answer without any."""
    made = await told(library, text, raw=False)
    for _ in range(3):
        assert await told(library, text) == made
    return made
