"""Reads the documentation for its tests: pages, links, paths in backticks, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
FRONT = ("README.md", "SECURITY.md", "CONTRIBUTING.md")
FOLDERS = ("docs", "decisions")
SITE = (*FRONT, "CHANGELOG.md")
"""The files that `make docs` copies besides the folders."""

NOT_YET_WRITTEN = {f"{layer}/review.py" for layer in ("db", "loaders", "resolvers", "schema")}
"""Files that docs/fork.md describes how to write."""
BUILT = {"web/dist"}

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
_SUFFIXES = {".graphql", ".md", ".py", ".toml", ".ts", ".tsx", ".txt", ".yaml"}


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file; `path` is relative to the root, `prose` is its text without code blocks."""

    root: Path
    path: Path

    @property
    def text(self) -> str:
        """The whole text, with code blocks."""
        return (self.root / self.path).read_text()

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        """The anchors that a link to this page can have after `#`."""
        return {slug(heading) for heading in self.headings}

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)


def pages(root: Path = CHECKOUT) -> list[Page]:
    """Returns every page whose links and paths are checked."""
    found = [Path(name) for name in FRONT if (root / name).exists()]
    for folder in FOLDERS:
        found += sorted(path.relative_to(root) for path in (root / folder).glob("*.md"))
    return [Page(root, path) for path in found]


def slug(heading: str) -> str:
    """Returns the anchor of a heading, as code hosts and the site generate it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def dead_links(page: Page) -> Iterator[str]:
    """Yields links to pages, sections and pictures that do not exist or are not in the site."""
    for target in _LINK.findall(page.prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.root / page.path.parent / name).resolve() if name else page.root / page.path
        if not there.is_file():
            yield f"{page.path}: {target} does not exist"
            continue
        path = there.relative_to(page.root.resolve()) if name else page.path
        if str(path) not in SITE and path.parts[0] not in FOLDERS:
            yield f"{page.path}: {target} is no page; name the file in backticks"
        elif anchor and anchor not in Page(page.root, path).anchors:
            yield f"{page.path}: {target} has no such section"


def paths(text: str) -> Iterator[str]:
    """Yields what stands in backticks and looks like the path of a file or folder."""
    for code in _CODE.findall(text):
        is_path = "/" in code or Path(code).suffix in _SUFFIXES
        if is_path and _PATH.fullmatch(code) and code not in NOT_YET_WRITTEN | BUILT:
            yield code


def dead_paths(page: Page, names: set[str]) -> Iterator[str]:
    """Yields paths that do not exist.

    A path below a folder of the root is looked up from the root, and one below another folder is
    not checked. A name alone may be that of any file: `names` are those of the whole checkout.
    """
    folders = {path.name for path in page.root.iterdir() if path.is_dir()}
    for path in paths(page.text):
        first = path.partition("/")[0]
        if "/" in path.rstrip("/"):
            exists = first not in folders or (page.root / path).exists()
        elif path.endswith("/"):
            exists = (page.root / path).is_dir()
        else:
            exists = path in names
        if not exists:
            yield f"{page.path}: `{path}` does not exist"


def dead_modules(page: Page) -> Iterator[str]:
    """Yields modules that a command runs and that do not exist."""
    for module in re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", page.text):
        path = page.root / module.replace(".", "/")
        if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
            yield f"{page.path}: python -m {module} does not exist"


def rows(text: str) -> list[list[str]]:
    """Returns the cells of every row of every table, without header rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {at - 1 for at, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for at, line in enumerate(lines)
        if at not in heads and at - 1 not in heads
    ]
