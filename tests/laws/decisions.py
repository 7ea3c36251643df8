"""Laws 5, 6 and 8, checked in the source: places of decisions, no work at import, small files."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.laws.source import GENERATED, Source, called_name, sources

MAX_LINES = 300
MAX_MEDIAN_LINES = 80
NAMELESS = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}

# Functions that may be called only in these files, by the end of the called expression.
PLACES = {
    "guard.allows": ("weft/declare/fields.py",),
    "FieldSpec": ("weft/declare/fields.py", "weft/execution/binding.py"),
    "Loaders": ("resolvers/context.py",),
    "Loader": ("weft/loading/loader.py",),
    "clear_all": ("weft/loading/loader.py", "resolvers/context.py"),
    "forget_loaded": ("weft/declare/fields.py",),
    "renew": ("weft/execution/engine.py",),
    "Services": ("app.py",),
    "Database": ("app.py",),
    "Redis.from_url": ("weft/shared_redis.py", "weft/cache/contents.py"),
    "Hub": ("app.py",),
    "Relay": ("app.py",),
    "AccessTokens": ("app.py",),
    "Settings": ("serving.py",),
}


def wrong_places(root: Path, places: dict[str, tuple[str, ...]]) -> list[str]:
    """Returns calls outside their places, and places that no longer make the call."""
    found, used = list[str](), set[tuple[str, str]]()
    for source in sources(root):
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            called = f".{ast.unparse(node.func)}"
            for name in (name for name in places if called.endswith(f".{name}")):
                used.add((name, source.path))
                if source.path not in places[name]:
                    home = " or ".join(places[name])
                    found.append(source.at(node, f"{name}() belongs into {home}"))
    expected = {(name, path) for name, paths in places.items() for path in paths}
    return found + [f"{path} calls no {name}()" for name, path in sorted(expected - used)]


def working_imports(root: Path) -> list[str]:
    """Returns module-level code that reads settings or environment, or starts servers or tasks."""
    forbidden = {"Settings", "getenv", "from_url", "connect", "create_async_engine", "create_task"}
    forbidden |= {"run", "create_pool", "Database", "Hub", "Relay", "create_app", "build_schema"}
    return [
        source.at(node, f"does something when imported: {ast.unparse(node)[:60]}")
        for source in sources(root)
        for node in _at_import(source)
        if (isinstance(node, ast.Call) and called_name(node) in forbidden)
        or (isinstance(node, ast.Attribute) and node.attr == "environ")
    ]


def _at_import(source: Source) -> Iterator[ast.AST]:
    """Yields the nodes that run when the module is imported: all but the bodies of functions."""
    pending: list[ast.AST] = [source.tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [*node.decorator_list, *node.args.defaults]
        elif not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)


def wrong_sizes(root: Path) -> list[str]:
    """Returns files that are too long or have a meaningless name, and a median that is too long."""
    lines = {
        source.path: len(source.text.splitlines())
        for source in sources(root)
        if not source.path.startswith(GENERATED)
    }
    found = [f"{path} has {count} lines" for path, count in lines.items() if count > MAX_LINES]
    if lines and median(lines.values()) >= MAX_MEDIAN_LINES:
        found.append(f"the median file has {median(lines.values())} lines")
    return found + [
        f"{path} is called {part!r}"
        for path in lines
        for part in path.removesuffix(".py").split("/")
        if part in NAMELESS
    ]
