"""The project's source as the laws read it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
LAYERS = ("weft", "db", "loaders", "resolvers", "schema")
GENERATED = ("db/migrations/versions/",)


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file; `path` is relative to the project's root, with slashes."""

    path: str
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """The package that it belongs to, or its own name at the top."""
        return self.path.partition("/")[0].removesuffix(".py")

    @property
    def module(self) -> str:
        """The dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, message: str) -> str:
        """A violation, with its place."""
        return f"{self.path}:{getattr(node, 'lineno', 0)}: {message}"


def sources(root: Path) -> list[Source]:
    """Every Python file of the layers, and those that stand above them."""
    files = sorted(root.glob("*.py"))
    files += sorted(root.glob("development/*.py"))
    files += sorted(root.glob("settings/*.py"))
    files += sorted(path for layer in LAYERS for path in (root / layer).rglob("*.py"))
    return [
        Source(path.relative_to(root).as_posix(), text, ast.parse(text))
        for path in files
        for text in [path.read_text()]
    ]


def imported(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Every module that the file imports, wherever in it, with the statement."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def called_name(call: ast.Call) -> str:
    """The last name of what is called: `b` for `a.b()`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
