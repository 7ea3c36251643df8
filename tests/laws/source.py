"""The project's source files, parsed for the laws."""

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
        """The top-level package, or the module's own name if it is in no package."""
        return self.path.partition("/")[0].removesuffix(".py")

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, message: str) -> str:
        """Returns a violation as `path:line: message`."""
        return f"{self.path}:{getattr(node, 'lineno', 0)}: {message}"


def sources(root: Path) -> list[Source]:
    """Returns every Python file of the layers, of development/, and at the root."""
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
    """Yields every import statement, anywhere in the file, with the name of the module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def called_name(call: ast.Call) -> str:
    """Returns the last name of the called expression: `b` for `a.b()`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
