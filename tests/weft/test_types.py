import enum

import msgspec
import pytest
import strawberry

from weft.errors import DeclarationError
from weft.fields import column
from weft.types import enumeration, given, input_type, interface, output


class BookRow(msgspec.Struct, frozen=True):
    title: str
    price: int = 0

    @property
    def label(self) -> str:
        return f"{self.title}: {self.price}"


class TestOutput:
    def test_takes_columns_and_properties_of_the_row(self):
        @output(BookRow)
        class Book:
            """A book."""

            title: str = column("What it is called.")
            label: str = column("What stands on it.")

        assert Book.is_type_of(BookRow("Tea"), None)  # pyright: ignore
        assert not Book.is_type_of("Tea", None)  # pyright: ignore

    def test_refuses_a_column_that_the_row_has_not(self):
        with pytest.raises(DeclarationError, match=r"Book\.colour: BookRow has no colour"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                """A book."""

                colour: str = column("Which.")

    def test_refuses_a_field_that_is_not_declared_by_weft(self):
        with pytest.raises(DeclarationError, match=r"Book\.title is not declared by a function"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                """A book."""

                title: str = strawberry.field(description="What it is called.")

    def test_refuses_a_type_without_a_docstring(self):
        with pytest.raises(DeclarationError, match="Book has no docstring"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                title: str = column("What it is called.")


class TestInterface:
    def test_refuses_one_without_a_docstring(self):
        with pytest.raises(DeclarationError, match="Thing has no docstring"):

            @interface
            class Thing:  # pyright: ignore[reportUnusedClass]
                title: str = column("What it is called.")


class TestInputType:
    def test_refuses_one_that_differs_from_its_value(self):
        with pytest.raises(DeclarationError, match=r"NewBook and BookRow differ in \['price'\]"):

            @input_type(BookRow)
            class NewBook:  # pyright: ignore[reportUnusedClass]
                """A new book."""

                title: str = given("What it is called.")


class TestEnumeration:
    def test_describes_each_value_and_no_other(self):
        class Colour(enum.Enum):
            """A colour."""

            RED = "RED"
            BLUE = "BLUE"

        for descriptions in ({"RED": "Red."}, {"RED": "", "BLUE": "", "PINK": ""}):
            with pytest.raises(DeclarationError, match="Colour: describe each value"):
                enumeration(Colour, descriptions)
        enumeration(Colour, {"RED": "Like blood.", "BLUE": "Like the sky."})
