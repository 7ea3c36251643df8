"""Plain words: comments, docstrings, pages and names of tests are in the field's terms."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

PERSONS = r"whoever|whomever|nobody|somebody|everybody|anybody|those who|one who|who asks"
TURNS = (
    r"(?:be|been|being|is|are|was|were) told|told of|comes? again|any more|anew|lest"
    r"|asked for by|what is asked"
)
DIALECT = re.compile(rf"\b(?:{PERSONS}|{TURNS})\b", re.IGNORECASE)
"""Persons in place of the code that acts, and turns of phrase in place of the field's terms."""

WITHOUT_SUBJECT = re.compile(
    r"test_(?:is|are|was|of|that|has|have|had|with|by|in|at|for|from|and|to|does|do|says|say|may"
    r"|can|cannot|must|not|never|also|even|while|if|as|on|than)(?:_|$)"
)
"""Beginnings of names that leave it to the class to say what is tested."""

GENERATED = ("db/migrations/", "docs/settings.md")
FOLDERS = (
    *("bench", "db", "decisions", "development", "docs", "loaders", "resolvers", "schema"),
    *("settings", "tests", "weft"),
)


def dialect(root: Path) -> list[str]:
    """Lines of comments, docstrings and pages that are in the dialect which was given up."""
    return [
        f"{path}:{line}: {found.group()!r}"
        for path, line, text in _texts(root)
        for found in DIALECT.finditer(text)
    ]


def tests_without_subject(root: Path) -> list[str]:
    """Names of tests that do not say what they are about."""
    return [
        f"{path.relative_to(root).as_posix()}:{node.lineno}: {node.name}"
        for path in sorted((root / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if WITHOUT_SUBJECT.match(node.name)
    ]


def _texts(root: Path) -> Iterator[tuple[str, int, str]]:
    files = [*root.glob("*.py"), *root.glob("*.md")]
    files += [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        if name.startswith(GENERATED) or "node_modules" in path.parts:
            continue
        if path.suffix == ".md":
            for number, line in enumerate(path.read_text().splitlines(), 1):
                yield name, number, line
        elif path.suffix == ".py":
            for number, text in (*_comments(path), *_docstrings(path)):
                yield name, number, text


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Lambda | ast.IfExp):
            continue
        body: list[ast.stmt] = getattr(node, "body", [])
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield statement.lineno, " ".join(text.split())
