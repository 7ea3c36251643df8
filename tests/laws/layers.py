"""Law 1: imports go one way, and `weft/` uses no noun of the domain."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.laws.source import LAYERS, imported, sources

# Places where a noun of the domain has another meaning, and which.
OTHER_MEANINGS = {
    ("weft/embedded/", "user"): "the operating system's, and whoever uses the servers",
    ("weft/changes/outage.py", "user"): "whoever uses a store",
    ("weft/tcp.py", "user"): "the kernel's, in the name of an option of TCP",
    ("weft/rates/", "item"): "a limit, in the words of the library that counts",
    ("weft/execution/", "item"): "what a list holds, in the words of the GraphQL specification",
}
# A method of mappings, an error code common to GraphQL servers, and the contract's type for what is
# wrong with an input.
NO_NOUNS = (".items()", "BAD_USER_INPUT", "UserError")


def wrong_imports(root: Path) -> list[str]:
    """Returns relative imports, and imports from a higher layer or from above all layers."""
    found = sources(root)
    above = {source.layer for source in found} - set(LAYERS)
    return [
        source.at(node, f"{source.layer} imports {name}")
        for source in found
        for node, name in imported(source)
        if name.startswith(".")
        or (source.layer in LAYERS and _is_above(source.layer, name.partition(".")[0], above))
    ]


def _is_above(layer: str, other: str, above: set[str]) -> bool:
    return other in above or (other in LAYERS and LAYERS.index(other) > LAYERS.index(layer))


def domain_words(
    root: Path, nouns: Iterable[str], meanings: dict[tuple[str, str], str]
) -> list[str]:
    """Returns nouns of the domain in weft/, also in comments, and meanings that are not used."""
    known, found, needed = {noun.lower() for noun in nouns}, list[str](), set[tuple[str, str]]()
    for path, line_number, word in _words(root):
        noun = word if word in known else word.removesuffix("s")
        if noun not in known:
            continue
        meaning = next(
            (key for key in meanings if path.startswith(key[0]) and key[1] == noun), None
        )
        if meaning is None:
            found.append(f"{path}:{line_number}: weft speaks of {word!r}")
        else:
            needed.add(meaning)
    unneeded = [f"{path} never says {word!r}" for path, word in sorted(set(meanings) - needed)]
    return found + unneeded


def _words(root: Path) -> Iterator[tuple[str, int, str]]:
    for path in sorted((root / "weft").rglob("*")):
        if path.suffix not in {".py", ".html"}:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for phrase in NO_NOUNS:
                line = line.replace(phrase, "")
            for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", line):
                yield path.relative_to(root).as_posix(), number, word.lower()
