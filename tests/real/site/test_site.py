"""The documentation site builds without warnings, and loads nothing from other servers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, SITE, pages

ZENSICAL = Path(sys.executable).with_name("zensical")
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]*)|<link\b[^>]*\bhref=\"([^\"]*)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of the pages as in `make docs`."""
    if not ZENSICAL.exists():
        pytest.skip("ZENSICAL IS NOT THERE: make docs installs it")
    there = tmp_path_factory.mktemp("site")
    shutil.copy(CHECKOUT / "zensical.toml", there)
    source = there / ".docs" / "source"
    for folder in ("docs", "decisions"):
        shutil.copytree(CHECKOUT / folder, source / folder)
    for name in SITE:
        shutil.copy(CHECKOUT / name, source)
    command = [ZENSICAL, "build", "--clean", "--strict"]
    built = subprocess.run(command, cwd=there, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "Warning" not in built.stdout + built.stderr
    return there / ".docs" / "site"


def test_site_has_every_page(site: Path) -> None:
    for page in pages():
        built = "index.html" if page.path.name == "README.md" else page.path.with_suffix(".html")
        assert (site / built).exists(), page.path


def test_site_loads_nothing_from_other_servers(site: Path) -> None:
    html = sorted(site.rglob("*.html"))
    assert len(html) > 50
    for path in html:
        loaded = ["".join(found) for found in LOADED.findall(path.read_text())]
        assert loaded
        assert [url for url in loaded if re.match(r"(https?:)?//", url)] == [], path
