"""A cancellation is never lost: one way to retry, and one to await libraries that may lose it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.laws.source import Source, called_name, imported, sources

HOME = ("weft/cancellation.py", "weft/changes/outage.py")
OUTAGES = {
    "BaseException",
    "ConnectionError",
    "Exception",
    "FAILURES",
    "LOST",
    "OSError",
    "REDIS_ERRORS",
    "RedisError",
    "TimeoutError",
}
"""Errors that an outage of a store raises, or a library in place of a cancellation."""
LOSES_CANCELLATIONS = ("redis.asyncio", "limits.aio", "aiosmtplib")
OWN_LOOPS = {
    "weft/postgres/opening.py": "tries again where the connection that began a history ended it",
    "weft/cache/connection.py": "the answers to several commands, some of which are errors",
    "weft/execution/run.py": "an error of a resolver stands in the response",
}
OWN_AWAITS = {
    "weft/cache/connection.py": "has none of redis-py's timeouts, so it loses none",
    "weft/cache/contents.py": "the command `weft cache`, which ends with its process",
    "weft/changes/channel.py": "runs `_listen` as cancellable work, until that ends",
    "weft/cache/cluster.py": "awaits what `weft.cache.server` gives it",
    "weft/changes/relay.py": "opens the log, which is PostgreSQL's",
}
Loop = ast.While | ast.For | ast.AsyncFor


def own_retries(root: Path, allowed: dict[str, str]) -> list[str]:
    """Returns loops that go on after an outage without `Outage.attempt` or `cancellable`."""
    return [
        source.at(handler, "tries again without `Outage.attempt`")
        for source in sources(root)
        if source.path not in (*HOME, *allowed)
        for loop in ast.walk(source.tree)
        if isinstance(loop, Loop)
        for handler in _handlers(loop)
    ]


def _handlers(loop: Loop) -> Iterator[ast.AST]:
    for node in ast.walk(loop):
        if isinstance(node, ast.Try) and _awaits(node.body):
            for handler in node.handlers:
                if _is_broad(handler.type) and not isinstance(handler.body[-1], ast.Raise):
                    yield handler
        elif isinstance(node, ast.With | ast.AsyncWith) and _awaits(node.body):
            for item in node.items:
                call = item.context_expr
                if not isinstance(call, ast.Call) or called_name(call) != "suppress":
                    continue
                if any(_is_broad(error) for error in call.args if not _is_own(node, error)):
                    yield node


def _is_own(node: ast.With | ast.AsyncWith, error: ast.expr) -> bool:
    """Whether the error is that of the block's own `asyncio.timeout`."""
    first = node.body[0]
    return (
        isinstance(error, ast.Name)
        and error.id == "TimeoutError"
        and isinstance(first, ast.AsyncWith)
        and isinstance(first.items[0].context_expr, ast.Call)
        and called_name(first.items[0].context_expr) in ("timeout", "timeout_at")
    )


def _is_broad(error: ast.expr | None) -> bool:
    if error is None:
        return True
    return any(
        isinstance(node, ast.Name | ast.Attribute) and _name(node) in OUTAGES
        for node in ast.walk(error)
    )


def _awaits(body: list[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.AsyncWith | ast.AsyncFor)
        or (isinstance(node, ast.Await) and not _is_cancellable(node))
        for statement in body
        for node in ast.walk(statement)
    )


def _is_cancellable(node: ast.Await) -> bool:
    return isinstance(node.value, ast.Call) and called_name(node.value) == "cancellable"


def lost_cancellations(root: Path, allowed: dict[str, str]) -> list[str]:
    """Returns awaits without `cancellable` of libraries that may lose a cancellation."""
    files = sources(root)
    own = {
        node.name
        for source in files
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return [
        source.at(node, f"awaits {called_name(node.value)} without `cancellable`")
        for source in files
        if source.path not in allowed and _uses_what_loses(source)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call)
        if not _is_cancellable(node)
        if called_name(node.value) not in own or _root(node.value) in LOSES_CANCELLATIONS
        if not _is_of_asyncio(node.value)
    ]


def _uses_what_loses(source: Source) -> bool:
    return any(name.startswith(LOSES_CANCELLATIONS) for _, name in imported(source))


def _is_of_asyncio(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    return _name(function.value) == "asyncio" or function.attr in ("wait", "get")


def _root(call: ast.Call) -> str:
    """Returns the name before the called attribute: `b` for `a.b.c()`."""
    function = call.func
    return _name(function.value) if isinstance(function, ast.Attribute) else ""


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
