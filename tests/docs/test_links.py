"""No link, path or module that the documentation names is dead."""

import os
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, Page, dead_links, dead_modules, dead_paths, pages
from tests.laws.tree import write

PAGES = pages()


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Returns the names of all files of the checkout, without installed packages."""
    found: set[str] = set()
    for _, folders, files in os.walk(CHECKOUT):
        folders[:] = [name for name in folders if name not in ("node_modules", ".venv", ".git")]
        found.update(files)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path))
class TestPage:
    def test_page_has_no_dead_link(self, page: Page) -> None:
        assert list(dead_links(page)) == []

    def test_page_has_no_dead_path(self, page: Page, names: set[str]) -> None:
        assert list(dead_paths(page, names)) == []

    def test_page_has_no_dead_module(self, page: Page) -> None:
        assert list(dead_modules(page)) == []

    def test_headings_of_a_page_have_distinct_anchors(self, page: Page) -> None:
        assert len(page.anchors) == len(page.headings)


class TestBrokenPage:
    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("[a](gone.md)", "gone.md does not exist"),
            ("[a](../db/item.py)", "is no page"),
            ("[a](other.md#gone)", "has no such section"),
            ("# A\n[a](#b)", "has no such section"),
            ("![a](gone.png)", "gone.png does not exist"),
        ],
    )
    def test_dead_link_is_found(self, tmp_path: Path, text: str, fault: str) -> None:
        tree = {"docs/a.md": text, "docs/other.md": "# There", "db/item.py": ""}
        (found,) = dead_links(Page(write(tmp_path, tree), Path("docs/a.md")))
        assert fault in found

    @pytest.mark.parametrize("path", ["db/gone.py", "db/gone", "gone.py", "db/gone/", "gone/"])
    def test_dead_path_is_found(self, tmp_path: Path, path: str) -> None:
        tree = write(tmp_path, {"docs/a.md": f"`{path}`, `db/item.py`, `db/`", "db/item.py": ""})
        page = Page(tree, Path("docs/a.md"))
        assert list(dead_paths(page, {"item.py"})) == [f"docs/a.md: `{path}` does not exist"]

    def test_dead_module_is_found(self, tmp_path: Path) -> None:
        tree = write(tmp_path, {"docs/a.md": "`python -m bench.gone`", "bench/a.py": ""})
        assert list(dead_modules(Page(tree, Path("docs/a.md"))))

    def test_nothing_is_reported_where_everything_exists(self, tmp_path: Path) -> None:
        text = "# Ä `b`: c?\n[a](#ä-b-c) [b](b.md#b) [c](https://c.test/d) `text/html` `a/b`"
        tree = write(tmp_path, {"docs/a.md": text, "docs/b.md": "# B"})
        page = Page(tree, Path("docs/a.md"))
        assert [*dead_links(page), *dead_paths(page, set()), *dead_modules(page)] == []
