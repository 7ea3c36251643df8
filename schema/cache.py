"""What the cache policies of all nouns share."""

from collections.abc import Mapping
from typing import Any

from weft.declare.pagination import Page, StoredPage

TTL_SECONDS = 300
ONCE_MS = 200
"""For what is counted through a whole table."""


def has_cursor(arguments: Mapping[str, Any]) -> bool:
    """Whether a page is not the first or last one."""
    return not arguments["page"].is_outermost


def stored(page: Page[Any]) -> StoredPage[Any, Any]:
    """The page as a cache keeps it."""
    return page.stored
