"""What a text finds, before it is searched for."""

from collections.abc import Sequence

import msgspec

from db.connection import ReadConnection
from db.search import NARROWED_BY_INDEX, Language


class SearchText(msgspec.Struct, frozen=True, cache_hash=True):
    """A text as it is searched for."""

    language: Language
    text: str


async def is_narrowed_by_text(connection: ReadConnection, keys: Sequence[SearchText]) -> list[bool]:
    """Whether an index finds what each text asks for, in key order.

    False where something would be found by the words alone that it has not, as by `-word`. A text
    without any word finds nothing, and is narrow.
    """
    found = await connection.all(
        NARROWED_BY_INDEX,
        language=[key.language for key in keys],
        query=[key.text for key in keys],
    )
    return [is_narrowed for _, is_narrowed in sorted(found)]
