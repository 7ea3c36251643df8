"""Writes small source trees that break a law."""

from pathlib import Path


def write(tree: Path, files: dict[str, str]) -> Path:
    """Writes each text to its path under `tree`; returns `tree`."""
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree
