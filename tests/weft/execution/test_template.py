"""Objects that are written as JSON around the one field that has to be asked for."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
import strawberry

from weft.errors import Forbidden
from weft.execution import Schema, template
from weft.execution.rendering import MAX_TEXTS
from weft.fields import column, derived, field, root
from weft.info import Info
from weft.remembered import Remembered
from weft.types import output


class WriterRow(msgspec.Struct, Remembered, frozen=True, dict=True):
    name: str


class BookRow(msgspec.Struct, Remembered, frozen=True, dict=True):
    title: str
    writer: str
    sequel: "BookRow | None" = None

    room_bytes: ClassVar[int] = 200


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
        self.asked: list[list[str]] = []
        self.read: list[str] = []

    def books(self, *titles: str) -> None:
        self.shelves = [ShelfRow([BookRow(title, "Ann") for title in titles])]


LIBRARY: list[Library] = []


def _length(row: BookRow) -> int:
    LIBRARY[0].read.append(row.title)
    return len(row.title)


async def writers(books: Sequence[BookRow], info: Info) -> Any:
    """Who wrote it."""
    library = info.context
    library.asked.append([book.title for book in books])
    found = [library.writers.get(book.writer) for book in books]
    return found if library.answer is None else await library.answer(found)


def books_of(rows: Sequence[WriterRow], info: Info) -> list[list[BookRow]]:
    """All that they wrote."""
    info.context.asked.append([row.name for row in rows])
    books = [book for shelf in info.context.shelves for book in shelf.books]
    return [[book for book in books if book.writer == row.name] for row in rows]


@output(WriterRow)
class Writer:
    """Who writes."""

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


@pytest.fixture
def library() -> Library:
    LIBRARY[:] = [Library()]
    return LIBRARY[0]


async def told(library: Library, text: str, *, raw: bool = True, **options: Any) -> Any:
    result = await ENGINE.run(text, context=library, raw=raw, **options)
    errors = [error.formatted for error in result.errors or ()]
    return {"data": json.loads(msgspec.json.encode(result.data)), "errors": errors}


async def made_again(library: Library, text: str = WRITTEN) -> Any:
    """What it tells once texts are kept; checked against what is told without any."""
    made = await told(library, text, raw=False)
    for _ in range(3):
        assert await told(library, text) == made
    return made


class TestTemplate:
    @pytest.mark.parametrize(
        "text",
        [
            WRITTEN,
            "{ shelves { books { writer { __typename name } __typename } } }",
            "{ shelves { spines { book { title writer { name } } } } }",
            "{ shelves { spines { __typename book { writer { name } } again: __typename } } }",
            "{ shelves { spines { book { title } width } } }",
            "{ shelves { spines { book { title length } } } }",
            "{ shelves { spines { b: book { sequel { title } } } } }",
            "{ shelves { books { title sequel { title length } } } }",
            "{ shelves { books { title sequel { title } writer { name } } } }",
            "{ shelves { books { sequel { title writer { name } } } } }",
            "{ shelves { books { title a: writer { name } b: writer { name } } } }",
            "{ shelves { books { maybe { name } } } again: shelves { books { maybe { name } } } }",
            "{ shelves { books { writer { name books { title } } } } }",
            "{ shelves { books { writer { name books { writer { books { length } } } } } } }",
            "{ shelves { books { ...T ... @skip(if: true) { writer { name } } } } } "
            "fragment T on Book { title maybe { n: name @include(if: true) } }",
        ],
    )
    async def test_is_what_would_be_made(self, library: Library, text: str) -> None:
        made = await made_again(library, text)
        assert made["errors"] == []

    async def test_is_made_once_and_asks_each_time(self, library: Library) -> None:
        await made_again(library)
        library.read.clear()
        library.asked.clear()
        await told(library, WRITTEN)
        assert library.read == []
        assert library.asked == [["One", "100% %b", "Two", '"\0"\n']]

    async def test_asks_once_for_a_row_that_stands_twice(self, library: Library) -> None:
        text = "{ shelves { books { writer { name books { title } } } } }"
        await made_again(library, text)
        library.asked.clear()
        await told(library, text)
        assert library.asked[1] == ["Ann", "Zoë", "Bo"]

    async def test_has_the_answer_of_its_own_time(self, library: Library) -> None:
        await made_again(library)
        library.writers["Ann"] = WriterRow("Anna")
        found = await told(library, WRITTEN)
        assert found["data"]["shelves"][0]["books"][0]["writer"] == {"name": "Anna"}

    async def test_is_not_made_of_what_is_all_new(self, library: Library) -> None:
        for title in ("a", "b"):
            library.books(title, title * 2)
            await told(library, WRITTEN)
            kept = [text for book in library.shelves[0].books for text in vars(book).values()]
            assert not any(kept)

    async def test_is_made_of_what_is_new_among_others(self, library: Library) -> None:
        await made_again(library)
        library.shelves[0].books[1] = BookRow("New", "Bo")
        await told(library, WRITTEN)
        assert any(vars(library.shelves[0].books[1]).values())
        await made_again(library)

    @pytest.mark.parametrize(("few", "kept"), [(4, True), (5, False)])
    async def test_is_for_more_than_a_few(
        self, library: Library, monkeypatch: pytest.MonkeyPatch, few: int, *, kept: bool
    ) -> None:
        monkeypatch.setattr(template, "FEW_ROWS", few)
        await made_again(library)
        assert any(any(vars(row).values()) for row in library.shelves[0].books) == kept

    async def test_leaves_out_what_is_null(self, library: Library) -> None:
        empty: Any = None
        library.shelves[0].books.insert(1, empty)
        made = await made_again(
            library, "{ shelves { spines { book { title writer { name } } } } }"
        )
        assert made["data"]["shelves"][0]["spines"][1] == {"book": None}

    async def test_leaves_out_what_is_long(self, library: Library) -> None:
        library.books("short", "long" * 100)
        made = await made_again(library)
        assert len(made["data"]["shelves"][0]["books"][1]["title"]) == 400
        assert not any(vars(library.shelves[0].books[1]).values())

    async def test_keeps_no_more_than_there_is_room_for(self, library: Library) -> None:
        for number in range(8):
            await made_again(library, f"{{ shelves {{ books {{ a{number}: title length }} }} }}")
            for book in library.shelves[0].books:
                assert sum(map(len, vars(book).values())) <= BookRow.room_bytes

    async def test_keeps_what_came_first(self, library: Library) -> None:
        for number in range(2 * MAX_TEXTS):
            # Asked only once, it takes no room.
            await told(library, f"{{ shelves {{ books {{ b{number}: title }} }} }}")
        texts = [f"{{ shelves {{ books {{ c{n}: length }} }} }}" for n in range(MAX_TEXTS + 3)]
        for text in texts:
            await made_again(library, text)
        book = library.shelves[0].books[0]
        kept = dict(vars(book))
        assert len([text for text in kept.values() if text]) == MAX_TEXTS
        library.read.clear()
        for text in texts:
            await told(library, text)
        assert vars(book) == kept
        # Those that are not kept are made as ever.
        assert library.read.count("One") == len(texts) - MAX_TEXTS


class TestAnswer:
    """What the field that is asked for may answer, once all else is written."""

    async def test_may_be_null(self, library: Library) -> None:
        del library.writers["Bo"]
        made = await made_again(library, "{ shelves { books { title maybe { name } } } }")
        assert made["data"]["shelves"][2]["books"][0]["maybe"] is None
        assert made["errors"] == []

    async def test_that_must_not_be_null_spreads(self, library: Library) -> None:
        del library.writers["Bo"]
        made = await made_again(library)
        assert made["data"] is None
        assert made["errors"][0]["path"] == ["shelves", 2, "books", 0, "writer"]

    @pytest.mark.parametrize("name", ["writer", "maybe"])
    async def test_may_fail_for_one(self, library: Library, name: str) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            return [*found[:-1], Forbidden("Not this one.")]

        text = f"{{ shelves {{ books {{ title {name} {{ name }} }} }} }}"
        await made_again(library, text)
        library.answer = answer
        made = await made_again(library, text)
        assert made["errors"][0]["path"] == ["shelves", 2, "books", 0, name]

    async def test_may_fail_for_all(self, library: Library) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            raise Forbidden("None of them.")

        text = "{ shelves { books { maybe { name books { title } } } } }"
        await made_again(library, text)
        library.answer = answer
        made = await made_again(library, text)
        assert len(made["errors"]) == 4
        assert made["data"]["shelves"][0]["books"] == [{"maybe": None}] * 3

    async def test_may_be_of_the_wrong_number(self, library: Library) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            return found[1:]

        await made_again(library)
        library.answer = answer
        made = await made_again(library)
        assert "promised 4 results" in made["errors"][0]["message"]
        assert made["data"] is None

    async def test_may_be_late(self, library: Library) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            await asyncio.Event().wait()
            return found

        text = "{ shelves { books { title maybe { name } } } }"
        await made_again(library, text)
        library.answer = answer
        for raw in (False, True):
            found = await told(library, text, raw=raw, deadline_seconds=0.05)
            assert found["errors"][3]["path"] == ["shelves", 2, "books", 0, "maybe"]
            assert "ran out of time" in found["errors"][3]["message"]
            assert found["data"]["shelves"][2]["books"] == [{"title": '"\0"\n', "maybe": None}]

    async def test_that_is_not_known_below_becomes_objects(self, library: Library) -> None:
        await made_again(library)
        library.writers = {name: WriterRow(f"{name}!") for name in library.writers}
        found = await told(library, WRITTEN)
        assert found["data"]["shelves"][0]["books"][0]["writer"] == {"name": "Ann!"}
        await made_again(library)
