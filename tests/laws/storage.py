"""Laws 3, 4 and 7 as far as the source tells: who knows Strawberry, SQL and Redis."""

import ast
import re
from pathlib import Path

from tests.laws.source import Source, called_name, imported, sources

HOMES_OF_SQL = ("db/", "weft/postgres/")
ALLOWED_TO_IMPORT = {
    "strawberry": ("schema/", "weft/", "cli.py"),
    "sqlalchemy": HOMES_OF_SQL,
    "asyncpg": HOMES_OF_SQL,
    "alembic": HOMES_OF_SQL,
    "psycopg": (),
    # Redis may only make answers faster: whoever makes answers does not know it.
    "redis": (
        "weft/changes/",
        "weft/cache/",
        "weft/documents/",
        "weft/rates/",
        "weft/shared_redis.py",
    ),
}
# How the embedded server makes its one database, before there is anything to connect to.
SQL_OUTSIDE = {"weft/embedded/postgresql.py": "CREATE DATABASE"}

SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|"
    r"(CREATE|ALTER|DROP|TRUNCATE)\s+(TABLE|INDEX|FUNCTION|TRIGGER|DATABASE|SCHEMA|VIEW))\b",
    re.DOTALL,
)


def wrong_libraries(root: Path) -> list[str]:
    """Imports of a library where it is not at home."""
    return [
        source.at(node, f"imports {name}")
        for source in sources(root)
        for node, name in imported(source)
        if (homes := ALLOWED_TO_IMPORT.get(name.partition(".")[0])) is not None
        and not source.path.startswith(homes)
    ]


def sql_outside_db(root: Path) -> list[str]:
    """SQL in the texts of files outside db/ and weft/postgres/."""
    return [
        source.at(node, f"has SQL: {node.value[:40]!r}")
        for source in sources(root)
        if not source.path.startswith(HOMES_OF_SQL)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if SQL.search(node.value) and not _is_known(source.path, node.value)
    ]


def _is_known(path: str, text: str) -> bool:
    return path in SQL_OUTSIDE and text.startswith(SQL_OUTSIDE[path])


STATEMENTS = {"Statement", "PageStatements", "RowStatements"}


def statements_per_call(root: Path) -> list[str]:
    """Statements that are built when they are needed, or that could be of varying length."""
    return [
        violation
        for source in sources(root)
        if source.path.startswith(HOMES_OF_SQL) and not source.path.startswith("db/migrations/")
        for violation in (*_varying(source), *_built_in_functions(source))
    ]


def _varying(source: Source) -> list[str]:
    return [
        source.at(node, f"calls {called_name(node)}()")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called_name(node) in {"in_", "not_in", "offset"}
    ]


def _built_in_functions(source: Source) -> list[str]:
    """A statement in a function is good only if the module calls that function at its top.

    So is one in the constructor of what holds statements, which is held to the same.
    """
    at_top = {
        called_name(call)
        for statement in source.tree.body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for call in ast.walk(statement)
        if isinstance(call, ast.Call)
    }
    constructors = {
        function
        for class_ in ast.walk(source.tree)
        if isinstance(class_, ast.ClassDef) and class_.name in STATEMENTS
        for function in class_.body
    }
    return [
        source.at(call, f"{function.name}() builds a statement")
        for function in ast.walk(source.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and called_name(call) in STATEMENTS
        and function not in constructors
        and not (function.name.startswith("_") and function.name in at_top)
    ]
