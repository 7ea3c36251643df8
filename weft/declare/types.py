"""Declarations of object, input and enum types: Strawberry types over rows and values."""

import enum
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import strawberry
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from weft.declare.fields import MAX_MEMBERS, MOST, Kind, WeftField
from weft.errors import DeclarationError

TypeT = TypeVar("TypeT", bound=type)
EnumT = TypeVar("EnumT", bound=enum.EnumMeta)


def output(row: type | None = None, *, name: str | None = None) -> Callable[[TypeT], TypeT]:
    """Declares an object type over the class `row`; None for a root type.

    The class's docstring is its description. Each field is either a `column`, which the row must
    have under the same name, or computed.
    """

    def declare(cls: TypeT) -> TypeT:
        if row is not None:
            _check_columns(cls, row)
            cls.is_type_of = _test_for(row)  # pyright: ignore[reportAttributeAccessIssue]
            cls.__weft_row__ = row  # pyright: ignore[reportAttributeAccessIssue]
        return strawberry.type(cls, name=name, description=_description(cls))

    return declare


def extends(extended: type) -> Callable[[TypeT], TypeT]:
    """Adds the fields of a class to an object type that another module declares.

    So a type knows nothing of those that refer to it: their modules import its own, and not the
    other way round. The type has the fields in every schema that is built once this module has been
    imported.
    """

    def declare(cls: TypeT) -> TypeT:
        row = getattr(extended, "__weft_row__", None)
        if row is not None:
            _check_columns(cls, row)
        fields = _fields(extended)
        added = _fields(strawberry.type(cls, description=_description(cls)))
        twice = {field.python_name for field in fields} & {field.python_name for field in added}
        if twice:
            raise DeclarationError(f"{extended.__name__} has {sorted(twice)} already.")
        fields += added
        return cls

    return declare


def has_fields(declared: type) -> bool:
    """Whether an object type has any field; a root type without one is none."""
    return bool(_fields(declared))


def _fields(declared: type) -> list[StrawberryField]:
    definition: StrawberryObjectDefinition = declared.__strawberry_definition__  # pyright: ignore
    return definition.fields


def _test_for(row: type) -> Any:
    return classmethod(lambda _, value, _info: isinstance(value, row))


def interface(cls: TypeT) -> TypeT:
    """Declares an interface; its docstring is its description."""
    return strawberry.interface(cls, description=_description(cls))


def given(description: str, *, default: Any = strawberry.UNSET, most: int = MAX_MEMBERS) -> Any:
    """Declares a field of an input type; without a default it may be omitted if it is nullable.

    `most`: how many members it may have if it is a list; those of nested lists count together.
    """
    metadata = {MOST: most}
    if isinstance(default, list):
        return strawberry.field(
            description=description, default_factory=default.copy, metadata=metadata
        )
    return strawberry.field(description=description, default=default, metadata=metadata)


def input_type(value: type) -> Callable[[TypeT], TypeT]:
    """Declares an input type; resolvers get it as `value`, a struct with the same fields.

    A field that a client omits gets the struct's own default.
    """

    def declare(cls: TypeT) -> TypeT:
        expected, declared = set(value.__annotations__), set(cls.__annotations__)
        if expected != declared:
            raise DeclarationError(
                f"{cls.__name__} and {value.__name__} differ in {sorted(expected ^ declared)}."
            )
        cls.__weft_value__ = value  # pyright: ignore[reportAttributeAccessIssue]
        return strawberry.input(cls, description=_description(cls))

    return declare


def enumeration(
    values: EnumT, descriptions: Mapping[str, str], *, name: str | None = None
) -> EnumT:
    """Declares an enum type over a Python enum; `descriptions` must have every value."""
    if set(descriptions) != set(values.__members__):
        raise DeclarationError(f"{values.__name__}: describe each value, and no other.")
    declared = strawberry.enum(values, name=name, description=_description(values))
    definition: StrawberryEnumDefinition = declared.__strawberry_definition__  # pyright: ignore
    for value in definition.values:
        value.description = descriptions[value.name]
    return declared


def _description(cls: type) -> str:
    text = cls.__dict__.get("__doc__")
    if not text:
        raise DeclarationError(f"{cls.__name__} has no docstring: it is the type's description.")
    return inspect.cleandoc(text)


def _check_columns(cls: type, row: type) -> None:
    for name in cls.__annotations__:
        declared = cls.__dict__.get(name)
        if not isinstance(declared, WeftField):
            raise DeclarationError(
                f"{cls.__name__}.{name} is not declared by a function of weft.declare.fields."
            )
        if declared.spec.kind is Kind.COLUMN and not _has(row, name):
            raise DeclarationError(f"{cls.__name__}.{name}: {row.__name__} has no {name}.")


def _has(row: type, name: str) -> bool:
    return name in getattr(row, "__annotations__", {}) or hasattr(row, name)
