"""The choice of Python by `make`, if there are several."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "interpreters.py"
OWN = "{} {} {}".format(sys.implementation.name, *sys.version_info[:2])
NAME = "python{}.{}".format(*sys.version_info[:2])
INSTANT, SLOW = "0.000001", "1000"


def told_beside(folder: Path, kind: str, seconds: str) -> str:
    """Runs the script beside a fake interpreter of this kind and speed; returns its output."""
    other = folder / NAME
    other.write_text(f"""#!/bin/sh
case "$3" in
  *ensurepip*) echo "{kind} {other}" ;;
  *) while read -r line; do echo {seconds}; done ;;
esac
""")
    other.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = [sys.executable, str(SCRIPT)]
    return subprocess.check_output(command, env=environment, text=True).strip()


class TestFastest:
    def test_faster_build_of_the_same_version_is_chosen(self, tmp_path: Path) -> None:
        assert told_beside(tmp_path, OWN, INSTANT) == str(tmp_path / NAME)

    @pytest.mark.parametrize(
        ("kind", "seconds"),
        [(OWN, SLOW), ("cpython 3 1", INSTANT), ("other 3 11", INSTANT), ("", INSTANT)],
        ids=["slower", "another version", "another implementation", "of no use"],
    )
    def test_slower_or_other_interpreter_is_not_chosen(
        self, tmp_path: Path, kind: str, seconds: str
    ) -> None:
        found = told_beside(tmp_path, kind, seconds)
        assert found != str(tmp_path / NAME)
        about = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
        assert subprocess.check_output([found, "-c", about], text=True).strip() == OWN
