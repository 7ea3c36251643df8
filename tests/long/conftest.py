"""Long tests run in pieces; `--slice` runs a share of them."""

import zlib
from collections import defaultdict

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slice",
        metavar="WORD/N",
        help="run an N-th of the pieces of each test: another one for another word",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects pieces outside the slice. N slices of successive numbers cover every piece."""
    wanted: str | None = config.getoption("--slice")
    if wanted is None:
        return
    word, _, count = wanted.rpartition("/")
    turn = int(word) if word.isdigit() else _number(word)
    pieces: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.nodeid):
        pieces[item.nodeid.partition("[")[0]].append(item)
    chosen = {
        item
        for test, found in pieces.items()
        # Offset by the test's name, so that slices are of about the same size.
        for place, item in enumerate(found, _number(test))
        if (place - turn) % int(count) == 0
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _number(word: str) -> int:
    return zlib.crc32(word.encode())
