"""Common passwords, which are guessed first.

`common_passwords.txt` has those of ten characters and more out of the 20,000 most frequent ones in
published breaches, as gathered by Royce Williams and shipped with Django; in lower case.
"""

import unicodedata
from functools import cache
from importlib.resources import files


def is_common(password: str) -> bool:
    """Whether the password, in any case, is one of them."""
    return unicodedata.normalize("NFKC", password).casefold() in _common()


@cache
def _common() -> frozenset[str]:
    return frozenset(files("weft.auth").joinpath("common_passwords.txt").read_text().splitlines())
