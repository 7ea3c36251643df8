"""Law 9, checked in the source: caches are bounded by bytes, and all bounds are in one table."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.laws.source import Source, called_name, sources

TABLE = "weft/bounds.py"
# Modules with caches that are not bounded by bytes, and why clients cannot fill them.
BY_COUNT = {
    "weft/auth/passwords.py": "no arguments, and one hash",
    "weft/auth/guessable.py": "no arguments",
    "weft/cache/server.py": "our own scripts",
    "weft/bounded_cache.py": "the cache itself",
    "weft/execution/cost.py": "MAX_VARIANTS, within the weight of an operation",
    "weft/execution/operation.py": "MAX_VARIANTS, within the weight of an operation",
    "weft/transport/broadcast.py": "members of a broadcast, each an open subscription",
    "db/item_page.py": "the sets of three states",
}
KEEPERS = {"lru_cache", "cache", "OrderedDict", "MemoryStorage", "WeakValueDictionary", "TTLCache"}


def bounds(root: Path) -> list[str]:
    """Returns the names of all bounds in the table."""
    (table,) = (source for source in sources(root) if source.path == TABLE)
    return [
        target.id
        for node in table.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        and called_name(node.value) == "Bound"
        for target in node.targets
        if isinstance(target, ast.Name)
    ]  # fmt: skip


def unlisted(root: Path) -> list[str]:
    """Returns bounds outside the table, caches without a bound of it, and bounds without a use."""
    names, used = bounds(root), set[str]()
    found: list[str] = []
    for source in sources(root):
        if source.path == TABLE:
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and called_name(node) == "Bound":
                found.append(source.at(node, f"a bound belongs into {TABLE}"))
            if isinstance(node, ast.Call) and called_name(node) in ("BoundedCache", "lru_cache"):
                said = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                if not said & {*names, "bound"}:
                    found.append(source.at(node, f"has no bound of {TABLE}"))
            if isinstance(node, ast.Name) and node.id in names:
                used.add(node.id)
    return found + [f"{TABLE}: nothing keeps to {name}" for name in names if name not in used]


def by_count(root: Path, allowed: dict[str, str]) -> list[str]:
    """Returns uses of caches without a bound in bytes, outside the `allowed` files."""
    return [
        source.at(node, f"{name} keeps what is not bounded by bytes")
        for source in sources(root)
        if source.path not in allowed
        for node, name in _keepers(source)
    ]


def _keepers(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yields uses of imported KEEPERS, except calls of `lru_cache`, which `unlisted` checks."""
    bounded = {
        id(node.func)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called_name(node) == "lru_cache"
    }
    imported = {
        alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in KEEPERS & imported and id(node) not in bounded:
            yield node, node.id
