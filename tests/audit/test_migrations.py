"""A migration that locks a table for long is refused."""

import shutil
from pathlib import Path

import pytest

from tests.audit.migrations import findings
from weft.postgres.revision import MIGRATIONS, head

REVISION = """
from alembic import op
revision = "9001"
down_revision = "{before}"

def upgrade():
    op.execute("{statement}")
"""


def test_migrations_of_this_release_lock_no_table_for_long() -> None:
    assert findings(MIGRATIONS) == ""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE items ADD CONSTRAINT c CHECK (version > 0)", "constraint-missing-not-valid"),
        ("CREATE INDEX i ON items (version)", "require-concurrent-index-creation"),
        ("ALTER TABLE items ALTER COLUMN version TYPE bigint", "changing-column-type"),
        (
            "ALTER TABLE items ADD COLUMN c uuid DEFAULT gen_random_uuid()",
            "adding-field-with-default",
        ),
        ("ALTER TABLE items ALTER COLUMN description SET NOT NULL", "adding-not-nullable-field"),
    ],
)
def test_a_bad_migration_is_refused(tmp_path: Path, statement: str, rule: str) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = REVISION.format(before=head(), statement=statement)
    (folder / "versions" / "9001_bad.py").write_text(text)
    found = findings(folder)
    assert rule in found
    assert "9001.sql" in found
