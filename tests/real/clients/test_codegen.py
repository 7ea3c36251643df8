"""graphql-codegen and TypeScript check the page `web/live` against the schema.

`make test-real` installs them if there is npm; without it the tests are skipped.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).parents[3]
PAGE = PROJECT / "web" / "live"
SCHEMA = PROJECT / "schema" / "schema.graphql"
PACKAGES = PAGE / "node_modules"
SECONDS = 2 * PATIENCE_SECONDS

pytestmark = pytest.mark.skipif(
    not PACKAGES.exists() or shutil.which("npm") is None,
    reason="GRAPHQL-CODEGEN DID NOT RUN: it needs Node, npm and its registry",
)


def complaints(folder: Path, schema: str) -> str:
    """Returns the errors of graphql-codegen or TypeScript for the page with this schema, or ""."""
    page = folder / "web" / "live"
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules", "gql"))
    (page / "node_modules").symlink_to(PACKAGES)
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.graphql").write_text(schema)
    done = subprocess.run(
        ["npm", "run", "--silent", "check"],
        cwd=page,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


class TestCodegen:
    def test_codegen_accepts_the_schema(self, tmp_path: Path) -> None:
        assert complaints(tmp_path, SCHEMA.read_text()) == ""

    @pytest.mark.parametrize(
        ("here", "broken", "named"),
        [
            ("  version: Int!\n", "  edition: Int!\n", 'Cannot query field "version"'),
            ('"""One line."""\n  title: String!', '"One"\n  title: String', "TS2322"),
        ],
    )
    def test_codegen_reports_what_the_page_would_miss(
        self, tmp_path: Path, here: str, broken: str, named: str
    ) -> None:
        schema = SCHEMA.read_text()
        assert here in schema
        assert named in complaints(tmp_path, schema.replace(here, broken))
