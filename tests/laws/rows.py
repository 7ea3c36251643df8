"""Laws 3 and 4, checked on the imported modules: what statements and resolvers return."""

import ast
import inspect
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from graphql import GraphQLObjectType, GraphQLSchema

from tests.laws.coordinates import answered
from tests.laws.source import sources
from weft.declare.checks import DECLARED, row_of
from weft.declare.fields import Kind, WeftField
from weft.postgres.statement import Statement


def unfrozen_rows(root: Path) -> list[str]:
    """Returns structs of the domain that are not frozen."""
    return [
        source.at(node, f"{node.name} is not frozen")
        for source in sources(root)
        if source.layer in {"db", "loaders", "resolvers"}
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        if any(ast.unparse(base) == "msgspec.Struct" for base in node.bases)
        if not any(k.arg == "frozen" and ast.unparse(k.value) == "True" for k in node.keywords)
    ]


def statements(module: Any) -> Iterator[tuple[str, Statement[Any]]]:
    """Yields the statements that are constants of a module, also those in dicts."""
    for name, value in vars(module).items():
        if isinstance(value, Statement):
            yield name, value
        elif isinstance(value, dict):
            for key, part in value.items():  # pyright: ignore[reportUnknownVariableType]
                if isinstance(part, Statement):
                    yield f"{name}[{key}]", part


def wrong_statements(modules: Iterable[Any]) -> list[str]:
    """Returns statements whose text varies, that use OFFSET, whose name is not that of a constant,
    or whose rows are neither plain values nor frozen structs.
    """
    found: list[str] = []
    for module in modules:
        for name, statement in statements(module):
            place = f"{module.__name__}.{name}"
            if name.partition("[")[0].upper() != name.partition("[")[0]:
                found.append(f"{place} is no constant's name")
            if any(part in statement.sql for part in (" OFFSET ", " IN (", "POSTCOMPILE")):
                found.append(f"{place} varies or counts rows away")
            if not _is_plain(_given_by(statement.row)):
                found.append(f"{place} gives what is no frozen struct")
    return found


def _given_by(row: Any) -> Any:
    return row if isinstance(row, type) else typing.get_type_hints(row).get("return", object)


def _is_plain(hint: Any) -> bool:
    if arguments := typing.get_args(hint):
        return all(map(_is_plain, arguments))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__struct_config__.frozen
    # A lambda has no annotations (`object`); other types are immutable unless they are these.
    return hint not in (list, dict, set)


def unread_rows(schema: GraphQLSchema) -> list[str]:
    """Returns columns that their row lacks, and resolvers without a return annotation."""
    found = [
        f"{object_type.name}.{name} is not on {row_of(object_type).__name__}"
        for object_type in schema.type_map.values()
        if isinstance(object_type, GraphQLObjectType)
        for name, field in object_type.fields.items()
        if isinstance(declared := field.extensions.get(DECLARED), WeftField)
        if declared.spec.kind is Kind.COLUMN
        if declared.python_name not in _names(row_of(object_type))
    ]
    return found + [
        f"{field.coordinate} does not say what it gives"
        for field in answered(schema)
        if inspect.signature(field.resolver).return_annotation in (inspect.Signature.empty, Any)
    ]


def _names(row: type) -> set[str]:
    return {*dir(row), *getattr(row, "__annotations__", {})}
