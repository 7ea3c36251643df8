"""Texts to search for, before they reach the database."""

from resolvers.context import Info
from weft.errors import BadArgument
from weft.postgres.text_search import Language, SearchText
from weft.text import checked_text

MAX_SEARCH_LENGTH = 200


async def check_search(info: Info, name: str, text: str | None, language: Language) -> None:
    """BadArgument for a text to search for that is too long, or that only says what is not there.

    What is found by the absence of words alone is found by no index.
    """
    checked = checked_text(name, text, max_length=MAX_SEARCH_LENGTH)
    if not checked or not checked.strip():
        return
    if not await info.context.loaders.is_narrowed_by_text.load(SearchText(language, checked)):
        raise BadArgument(f"{name} must have a word that is to be found, on each side of an `or`.")
