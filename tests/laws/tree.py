"""Small trees of source that break a law."""

from pathlib import Path


def write(tree: Path, files: dict[str, str]) -> Path:
    """The tree, with the texts written to the paths."""
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree
