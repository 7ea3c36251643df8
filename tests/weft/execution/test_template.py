"""Objects that are written as JSON around the one field that has to be resolved."""

import asyncio
from typing import Any

import pytest

from tests.weft.execution.library import (
    LIBRARY,
    WRITTEN,
    BookRow,
    Library,
    OddBookRow,
    OddWriterRow,
    WriterRow,
    made_again,
    told,
)
from weft.errors import Forbidden
from weft.execution import template
from weft.execution.rendering import MAX_TEXTS

NOT_YOURS = Forbidden("Not yours.")


@pytest.fixture
def library() -> Library:
    LIBRARY[:] = [Library()]
    return LIBRARY[0]


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
            "{ shelves { books { writer { books { place { width } } } } } }",
            "{ shelves { books { ...T ... @skip(if: true) { writer { name } } } } } "
            "fragment T on Book { title maybe { n: name @include(if: true) } }",
        ],
    )
    async def test_written_answer_equals_one_made_of_objects(
        self, library: Library, text: str
    ) -> None:
        made = await made_again(library, text)
        assert made["errors"] == []

    async def test_template_is_made_once_and_its_field_resolved_each_time(
        self, library: Library
    ) -> None:
        await made_again(library)
        library.read.clear()
        library.asked.clear()
        await told(library, WRITTEN)
        assert library.read == []
        assert library.asked == [["One", "100% %b", "Two", '"\0"\n']]

    async def test_row_that_stands_twice_is_one_parent(self, library: Library) -> None:
        text = "{ shelves { books { writer { name books { title } } } } }"
        await made_again(library, text)
        library.asked.clear()
        await told(library, text)
        assert library.asked[1] == ["Ann", "Zoë", "Bo"]

    @pytest.mark.parametrize("other", ["Ann", "Zoë", "Bo"])
    @pytest.mark.parametrize("fails", [True, False])
    @pytest.mark.parametrize(
        "text",
        [
            "{ shelves { books { readers { name books { title } } } } }",
            "{ shelves { books { writer { books { readers { books { title } } } } } } }",
            "{ shelves { books { place { book { title writer { name } } } } } }",
            "{ shelves { books { place { book { maybe { books { title } } } } } } }",
            "{ shelves { books { maybe { name books { title } } } } }",
        ],
    )
    async def test_rows_that_stand_twice_become_objects_wherever_they_stand(
        self, library: Library, text: str, other: str, *, fails: bool
    ) -> None:
        await made_again(library, text)

        def lists(found: list[list[BookRow]]) -> list[Any]:
            odd: Any = NOT_YOURS if fails else [OddBookRow("Odd", other)]
            return [odd if books[0].writer == other else books for books in found]

        async def answer(found: list[WriterRow]) -> list[Any]:
            odd: Any = NOT_YOURS if fails else OddWriterRow(other)
            return [odd if writer.name == other else writer for writer in found]

        library.lists, library.answer = lists, answer
        made = await told(library, text, raw=False)
        found = await told(library, text)
        assert found["data"] == made["data"]
        assert sorted(map(str, found["errors"])) == sorted(map(str, made["errors"]))

    async def test_template_takes_the_current_answer_of_its_field(self, library: Library) -> None:
        await made_again(library)
        library.writers["Ann"] = WriterRow("Anna")
        found = await told(library, WRITTEN)
        assert found["data"]["shelves"][0]["books"][0]["writer"] == {"name": "Anna"}

    async def test_rows_that_are_all_new_get_no_template(self, library: Library) -> None:
        for title in ("a", "b"):
            library.books(title, title * 2)
            await told(library, WRITTEN)
            kept = [text for book in library.shelves[0].books for text in vars(book).values()]
            assert not any(kept)

    async def test_new_row_among_known_ones_gets_a_template(self, library: Library) -> None:
        await made_again(library)
        library.shelves[0].books[1] = BookRow("New", "Bo")
        await told(library, WRITTEN)
        assert any(vars(library.shelves[0].books[1]).values())
        await made_again(library)

    @pytest.mark.parametrize(("few", "kept"), [(4, True), (5, False)])
    async def test_few_rows_get_no_template(
        self, library: Library, monkeypatch: pytest.MonkeyPatch, few: int, *, kept: bool
    ) -> None:
        monkeypatch.setattr(template, "FEW_ROWS", few)
        await made_again(library)
        assert any(any(vars(row).values()) for row in library.shelves[0].books) == kept

    async def test_null_object_stays_null(self, library: Library) -> None:
        empty: Any = None
        library.shelves[0].books.insert(1, empty)
        made = await made_again(
            library, "{ shelves { spines { book { title writer { name } } } } }"
        )
        assert made["data"]["shelves"][0]["spines"][1] == {"book": None}

    async def test_long_row_stores_no_text(self, library: Library) -> None:
        library.books("short", "long" * 100)
        made = await made_again(library)
        assert len(made["data"]["shelves"][0]["books"][1]["title"]) == 400
        assert not any(vars(library.shelves[0].books[1]).values())

    async def test_stored_texts_take_no_more_than_their_room(self, library: Library) -> None:
        for number in range(8):
            await made_again(library, f"{{ shelves {{ books {{ a{number}: title length }} }} }}")
            for book in library.shelves[0].books:
                assert sum(map(len, vars(book).values())) <= book.room_bytes

    async def test_first_texts_are_kept(self, library: Library) -> None:
        for number in range(2 * MAX_TEXTS):
            # A selection that is used only once stores no text.
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
        # The others are built for each answer.
        assert library.read.count("One") == len(texts) - MAX_TEXTS


class TestAnswer:
    """The answer of the field that is resolved, once everything else is written."""

    async def test_answer_may_be_null(self, library: Library) -> None:
        del library.writers["Bo"]
        made = await made_again(library, "{ shelves { books { title maybe { name } } } }")
        assert made["data"]["shelves"][2]["books"][0]["maybe"] is None
        assert made["errors"] == []

    async def test_null_answer_propagates_where_null_is_forbidden(self, library: Library) -> None:
        del library.writers["Bo"]
        made = await made_again(library)
        assert made["data"] is None
        assert made["errors"][0]["path"] == ["shelves", 2, "books", 0, "writer"]

    @pytest.mark.parametrize("name", ["writer", "maybe"])
    async def test_answer_may_fail_for_one_parent(self, library: Library, name: str) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            return [*found[:-1], Forbidden("Not this one.")]

        text = f"{{ shelves {{ books {{ title {name} {{ name }} }} }} }}"
        await made_again(library, text)
        library.answer = answer
        made = await made_again(library, text)
        assert made["errors"][0]["path"] == ["shelves", 2, "books", 0, name]

    async def test_answer_may_fail_for_all_parents(self, library: Library) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            raise Forbidden("None of them.")

        text = "{ shelves { books { maybe { name books { title } } } } }"
        await made_again(library, text)
        library.answer = answer
        made = await made_again(library, text)
        assert len(made["errors"]) == 4
        assert made["data"]["shelves"][0]["books"] == [{"maybe": None}] * 3

    async def test_answer_may_have_the_wrong_number_of_results(self, library: Library) -> None:
        async def answer(found: list[Any]) -> list[Any]:
            return found[1:]

        await made_again(library)
        library.answer = answer
        made = await made_again(library)
        assert "promised 4 results" in made["errors"][0]["message"]
        assert made["data"] is None

    async def test_answer_may_miss_the_deadline(self, library: Library) -> None:
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

    async def test_answer_without_stored_texts_becomes_objects(self, library: Library) -> None:
        await made_again(library)
        library.writers = {name: WriterRow(f"{name}!") for name in library.writers}
        found = await told(library, WRITTEN)
        assert found["data"]["shelves"][0]["books"][0]["writer"] == {"name": "Ann!"}
        await made_again(library)
