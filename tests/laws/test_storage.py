from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.laws import rows, storage
from tests.laws.tree import write
from weft.postgres.statement import Statement


class BoxRow(msgspec.Struct, frozen=True):
    id: int


class TestSql:
    @pytest.mark.parametrize("library", ["sqlalchemy", "sqlalchemy.orm", "asyncpg", "alembic"])
    def test_database_library_outside_db_breaks_the_law(self, tmp_path: Path, library: str):
        tree = write(tmp_path, {"resolvers/a.py": f"import {library}", "db/a.py": "import asyncpg"})
        assert storage.wrong_libraries(tree) == [f"resolvers/a.py:1: imports {library}"]

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 1 FROM boxes",
            "select\n  id\nfrom boxes".upper(),
            "INSERT INTO boxes VALUES (1)",
            "UPDATE boxes SET id = 1",
            "DELETE FROM boxes",
            "DROP TABLE boxes",
        ],
    )
    def test_sql_text_outside_db_breaks_the_law(self, tmp_path: Path, sql: str):
        tree = write(tmp_path, {"loaders/a.py": f"def f():\n    return {sql!r}"})
        assert len(storage.sql_outside_db(tree)) == 1

    @pytest.mark.parametrize(
        "text",
        [
            "def page(n): return select(boxes).offset(n)",
            "Q = select(boxes).where(boxes.c.id.in_(ids))",
            "def page(n): return Statement(select(boxes))",
            "def _page(n): return Statement(select(boxes))",
            "async def page(n):\n    await run(Statement(select(boxes)))",
        ],
    )
    def test_statement_built_per_call_breaks_the_law(self, tmp_path: Path, text: str):
        assert len(storage.statements_per_call(write(tmp_path, {"db/a.py": text}))) == 1

    def test_function_that_builds_constants_keeps_the_law(self, tmp_path: Path):
        text = "def _page(n): return Statement(n)\nPAGES = {n: _page(n) for n in (1, 2)}"
        assert storage.statements_per_call(write(tmp_path, {"db/a.py": text})) == []

    @pytest.mark.parametrize(
        ("name", "element", "row"),
        [
            ("boxes", sa.select(sa.column("id")), BoxRow),
            ("BOXES", sa.select(sa.column("id")).offset(3), BoxRow),
            ("BOXES", sa.select(sa.column("id")).where(sa.column("id").in_([1])), BoxRow),
            ("BOXES", sa.select(sa.column("id")), dict),
        ],
    )
    def test_name_text_or_row_of_a_statement_breaks_the_law(
        self, name: str, element: Any, row: Any
    ):
        module = ModuleType("db.a")
        setattr(module, name, Statement(element, row))
        assert len(rows.wrong_statements([module])) == 1
        setattr(module, name, {1: Statement(element, row)})
        assert len(rows.wrong_statements([module])) == 1


class TestRedis:
    @pytest.mark.parametrize(
        "path", ["db/a.py", "loaders/a.py", "resolvers/a.py", "schema/a.py", "weft/transport/a.py"]
    )
    def test_redis_imported_by_code_that_answers_breaks_the_law(self, tmp_path: Path, path: str):
        tree = write(tmp_path, {path: "from redis.asyncio import Redis"})
        assert storage.wrong_libraries(tree) == [f"{path}:1: imports redis.asyncio"]
