from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """One whose name is short enough for a socket in it."""
    with TemporaryDirectory(prefix="weft-") as path:
        yield Path(path)
