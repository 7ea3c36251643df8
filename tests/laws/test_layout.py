from pathlib import Path

import pytest

from tests.laws import layout
from tests.laws.tree import write


class TestUnmirroredTests:
    def test_folder_that_mirrors_nothing_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(layout, "OWN", {"api": "end to end", "gone": "nothing"})
        files = ("weft/a.py", "tests/weft/test_a.py", "tests/old/test_b.py", "tests/api/test_c.py")
        assert layout.unmirrored_tests(write(tmp_path, dict.fromkeys(files, ""))) == [
            "tests/old mirrors nothing",
            "tests/gone is not there",
        ]
