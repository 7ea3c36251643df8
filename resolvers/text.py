"""Text of clients, before it may reach the database."""

from resolvers.context import Info
from weft.errors import BadArgument
from weft.postgres.text_search import Language, SearchText

MAX_SEARCH_LENGTH = 200


def checked_text(name: str, text: str | None, *, max_length: int) -> str | None:
    """The text, or None for None; BadArgument if it is too long or PostgreSQL could not hold it."""
    if text is None:
        return None
    if len(text) > max_length:
        raise BadArgument(f"{name} must have at most {max_length} characters.")
    if not is_storable(text):
        raise BadArgument(f"{name} must not hold NUL or half of a surrogate pair.")
    return text


async def check_search(info: Info, name: str, text: str | None, language: Language) -> None:
    """BadArgument for a text to search for that is too long, or that only says what is not there.

    What is found by the absence of words alone is found by no index.
    """
    checked = checked_text(name, text, max_length=MAX_SEARCH_LENGTH)
    if not checked or not checked.strip():
        return
    if not await info.context.loaders.is_narrowed_by_text.load(SearchText(language, checked)):
        raise BadArgument(f"{name} must have a word that is to be found, on each side of an `or`.")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it has no NUL and no lone surrogate."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
