"""Checks migrations by the rules of squawk: python -m tests.audit.migrations."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from weft.postgres.migration import configuration
from weft.postgres.revision import MIGRATIONS

SQUAWK = Path(sys.executable).parent / "squawk"
RULES = Path(__file__).parents[2] / ".squawk.toml"
FIRST = "0007"
"""Earlier revisions are not checked: they are released, and a database runs each only once."""


def sql_of(folder: Path, before: str, revision: str) -> str:
    """Returns the SQL of a revision, with BEGIN and COMMIT."""
    config = configuration(None, folder)
    config.output_buffer = written = io.StringIO()
    command.upgrade(config, f"{before}:{revision}", sql=True)
    return written.getvalue()


def findings(folder: Path) -> str:
    """Returns squawk's findings in revisions from `FIRST` on; empty if there are none."""
    script = ScriptDirectory.from_config(configuration(None, folder))
    with tempfile.TemporaryDirectory() as directory:
        files: list[Path] = []
        for found in script.walk_revisions():
            if found.revision >= FIRST:
                file = Path(directory) / f"{found.revision}.sql"
                file.write_text(sql_of(folder, str(found.down_revision), found.revision))
                files.append(file)
        done = subprocess.run(
            [SQUAWK, "--config", RULES, *sorted(files)], capture_output=True, text=True, check=False
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main() -> int:
    found = findings(MIGRATIONS)
    sys.stderr.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
