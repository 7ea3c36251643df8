"""Laws 3, 4 and 7, checked in the source: which modules use Strawberry, SQL and Redis."""

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
    # Redis may only make answers faster: no module that computes answers imports it.
    "redis": (
        "weft/changes/",
        "weft/cache/",
        "weft/documents/",
        "weft/rates/",
        "weft/shared_redis.py",
    ),
}
# The embedded server creates its database before there is one to connect to.
SQL_OUTSIDE = {"weft/embedded/postgresql.py": "CREATE DATABASE"}

SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|"
    r"(CREATE|ALTER|DROP|TRUNCATE)\s+(TABLE|INDEX|FUNCTION|TRIGGER|DATABASE|SCHEMA|VIEW))\b",
    re.DOTALL,
)


def wrong_libraries(root: Path) -> list[str]:
    """Returns imports of a library outside the paths that may import it."""
    return [
        source.at(node, f"imports {name}")
        for source in sources(root)
        for node, name in imported(source)
        if (homes := ALLOWED_TO_IMPORT.get(name.partition(".")[0])) is not None
        and not source.path.startswith(homes)
    ]


def sql_outside_db(root: Path) -> list[str]:
    """Returns string literals with SQL in files outside db/ and weft/postgres/."""
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
    """Returns statements that are built per call, or whose text could vary in length."""
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
    """Returns statements built in functions, unless the module calls the function at its top level.

    Methods of the STATEMENTS classes may build them: calls of those classes are checked as well.
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
