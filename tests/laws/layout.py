"""Tests stand where what they test stands."""

from pathlib import Path

OWN = {
    "api": "end to end, over HTTP and sockets",
    "audit": "dependencies and migrations",
    "cancellation": "every loop that retries",
    "hostile": "what attackers send",
    "laws": "the architecture",
    "long": "what proves by length",
    "parsers": "our parsers beside others",
    "real": "programs of others",
}
"""Folders of tests that mirror no folder of the source, and what each is about."""


def unmirrored_tests(root: Path) -> list[str]:
    """Folders of tests that mirror none of the source, and exceptions that are not there."""
    tests = root / "tests"
    folders = {
        path.parent.relative_to(tests)
        for path in tests.rglob("test_*.py")
        if path.parent != tests and path.parent.relative_to(tests).parts[0] not in OWN
    }
    found = [
        f"tests/{folder.as_posix()} mirrors nothing"
        for folder in sorted(folders)
        if not (root / folder).is_dir()
    ]
    return found + [f"tests/{name} is not there" for name in OWN if not (tests / name).is_dir()]
