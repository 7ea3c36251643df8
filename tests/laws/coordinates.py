"""Law 2: the GraphQL coordinate of a field is the address of its resolver."""

import ast
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from tests.laws.source import sources
from weft.declare.checks import DECLARED, row_of
from weft.declare.fields import Kind, WeftField
from weft.loading.loader import LoaderSet

COMPUTED = (Kind.BATCHED, Kind.ROOT, Kind.EVENT)


@dataclass(frozen=True, slots=True)
class Answered:
    """A field of an object type, and its resolver."""

    coordinate: str
    python_name: str
    kind: Kind
    declared_by: Any
    named_type: Any
    resolver: Any


def answered(schema: GraphQLSchema) -> Iterator[Answered]:
    """Yields every field that has a resolver."""
    for parent in schema.type_map.values():
        if not isinstance(parent, GraphQLObjectType):
            continue
        for name, field in parent.fields.items():
            declared = field.extensions.get(DECLARED)
            if isinstance(declared, WeftField) and declared.spec.kind in COMPUTED:
                yield Answered(
                    f"{parent.name}.{name}",
                    declared.python_name,
                    declared.spec.kind,
                    declared.origin,
                    get_named_type(field.type),
                    inspect.unwrap(declared.spec.resolve),  # pyright: ignore[reportArgumentType]
                )


def wrong_resolvers(schema: GraphQLSchema) -> list[str]:
    """Returns fields whose resolver has another name, or is in another noun's module."""
    found: list[str] = []
    for field in answered(schema):
        name, module = field.resolver.__name__, field.resolver.__module__
        noun = _noun(field)
        if name != field.python_name:
            found.append(f"{field.coordinate} is answered by {module}.{name}")
        if module != f"resolvers.{noun}" and not module.startswith(f"resolvers.{noun}_"):
            place = noun.replace(".", "/")
            found.append(f"{field.coordinate} is answered in {module}, not in resolvers/{place}.py")
    return found


def _noun(field: Answered) -> str:
    """Returns the noun of the declaring module; for root fields, that of the returned type."""
    if field.kind is Kind.BATCHED:
        return field.declared_by.__module__.partition(".")[2]
    row = row_of(field.named_type)
    if row is not None and row.__module__.startswith("resolvers."):
        return row.__module__.partition(".")[2]
    return _module(field.named_type)


def _module(named_type: Any) -> str:
    return named_type.extensions[DECLARED].origin.__module__.partition(".")[2]


def missing_files(root: Path, nouns: Iterable[str]) -> list[str]:
    """Returns the files of nouns that a layer lacks, and files whose name is a plural."""
    found = [
        f"{layer}/{noun}.py is missing"
        for noun in nouns
        for layer in ("db", "loaders", "resolvers", "schema")
        if not any((root / layer).rglob(f"{noun}.py"))
    ]
    found += [
        f"{layer}/{path.name} is a plural"
        for layer in ("loaders", "resolvers", "schema")
        for path in sorted((root / layer).rglob("*.py"))
        if path.stem.endswith("s") and not path.stem.endswith("ss")
    ]
    return found + [
        f"loaders/{path.name} has no db/{path.name}"
        for path in sorted((root / "loaders").rglob("*.py"))
        if path.stem != "__init__"
        if not (root / "db" / path.relative_to(root / "loaders")).exists()
    ]


def wrong_loaders(loaders: type[LoaderSet]) -> list[str]:
    """Returns loaders not named `<what>_by_<key>`, or named otherwise than their fetch function."""
    found: list[str] = []
    for name, declared in vars(loaders).items():
        fetch = getattr(declared, "fetch", None)
        if fetch is None:
            continue
        if "_by_" not in name or fetch.__name__ != name:
            found.append(f"{name} is loaded by {fetch.__name__}")
        if not fetch.__module__.startswith(("loaders.", "weft.postgres.")):
            found.append(f"{name} is loaded in {fetch.__module__}")
    return found


def unnamed_loaders(root: Path) -> list[str]:
    """Returns public functions of loaders/ that take a connection and are not `<what>_by_<key>`."""
    return [
        source.at(node, f"{node.name} is not named <what>_by_<key>")
        for source in sources(root)
        if source.layer == "loaders"
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if [argument.arg for argument in node.args.args][:1] == ["connection"]
        if "_by_" not in node.name and not node.name.startswith("_")
    ]
