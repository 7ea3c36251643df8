import enum

import msgspec
import pytest
import strawberry

from weft.declare.fields import column, root
from weft.declare.info import Info
from weft.declare.types import (
    enumeration,
    extends,
    given,
    has_fields,
    input_type,
    interface,
    output,
)
from weft.errors import DeclarationError
from weft.execution.schema import Schema


class BookRow(msgspec.Struct, frozen=True):
    title: str
    price: int = 0

    @property
    def label(self) -> str:
        return f"{self.title}: {self.price}"


class TestOutput:
    def test_columns_may_be_attributes_and_properties_of_the_row(self):
        @output(BookRow)
        class Book:
            """A book."""

            title: str = column("What it is called.")
            label: str = column("What stands on it.")

        assert Book.is_type_of(BookRow("Tea"), None)  # pyright: ignore
        assert not Book.is_type_of("Tea", None)  # pyright: ignore

    def test_column_that_the_row_lacks_is_refused(self):
        with pytest.raises(DeclarationError, match=r"Book\.colour: BookRow has no colour"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                """A book."""

                colour: str = column("Which.")

    def test_field_that_is_not_declared_by_weft_is_refused(self):
        with pytest.raises(DeclarationError, match=r"Book\.title is not declared by a function"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                """A book."""

                title: str = strawberry.field(description="What it is called.")

    def test_object_type_without_a_docstring_is_refused(self):
        with pytest.raises(DeclarationError, match="Book has no docstring"):

            @output(BookRow)
            class Book:  # pyright: ignore[reportUnusedClass]
                title: str = column("What it is called.")


class TestInterface:
    def test_interface_without_a_docstring_is_refused(self):
        with pytest.raises(DeclarationError, match="Thing has no docstring"):

            @interface
            class Thing:  # pyright: ignore[reportUnusedClass]
                title: str = column("What it is called.")


class TestInputType:
    def test_input_type_that_differs_from_its_value_is_refused(self):
        with pytest.raises(DeclarationError, match=r"NewBook and BookRow differ in \['price'\]"):

            @input_type(BookRow)
            class NewBook:  # pyright: ignore[reportUnusedClass]
                """A new book."""

                title: str = given("What it is called.")


class TestEnumeration:
    def test_enumeration_describes_each_value_and_no_other(self):
        class Colour(enum.Enum):
            """A colour."""

            RED = "RED"
            BLUE = "BLUE"

        for descriptions in ({"RED": "Red."}, {"RED": "", "BLUE": "", "PINK": ""}):
            with pytest.raises(DeclarationError, match="Colour: describe each value"):
                enumeration(Colour, descriptions)
        enumeration(Colour, {"RED": "Like blood.", "BLUE": "Like the sky."})


class CrateRow(msgspec.Struct, frozen=True):
    key: int
    label: str


def crate() -> type:
    @output(CrateRow)
    class Crate:
        """A crate."""

        key: int = column("Its number.")

    return Crate


class TestExtends:
    def test_fields_of_an_extension_are_the_types_own_in_a_schema(self) -> None:
        extended = crate()

        @extends(extended)
        class LabelOfCrate:  # pyright: ignore[reportUnusedClass]
            """What is written on it."""

            label: str = column("The label.")

        @output()
        class Query:
            """The root."""

            crate: extended = root(only_crate)  # pyright: ignore[reportInvalidTypeForm]

        printed = Schema(Query).as_str()
        assert "label: String!" in printed
        assert "LabelOfCrate" not in printed

    def test_field_that_the_type_has_already_is_refused(self) -> None:
        with pytest.raises(DeclarationError, match="key"):

            @extends(crate())
            class KeyOfCrate:  # pyright: ignore[reportUnusedClass]
                """Once more."""

                key: int = column("Its number.")

    def test_column_that_the_row_does_not_have_is_refused(self) -> None:
        with pytest.raises(DeclarationError, match="CrateRow has no weight"):

            @extends(crate())
            class WeightOfCrate:  # pyright: ignore[reportUnusedClass]
                """How heavy."""

                weight: int = column("In grams.")

    def test_root_without_fields_has_none(self) -> None:
        @output()
        class Empty:
            """Nothing."""

        assert not has_fields(Empty)
        assert has_fields(crate())


async def only_crate(info: Info) -> CrateRow:
    """The crate."""
    return CrateRow(1, "a")
