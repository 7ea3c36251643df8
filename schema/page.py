"""What all connections have in common (GraphQL Cursor Connections Specification)."""

from weft.declare.fields import Argument, column
from weft.declare.pagination import DEFAULT_SIZE, MAX_SIZE, Page
from weft.declare.types import output

PAGE_ARGUMENTS = {
    "first": Argument(
        int | None,
        f"How many from the start: {DEFAULT_SIZE} unless given, at most {MAX_SIZE}; not with last.",
    ),
    "after": Argument(str | None, "Only what comes after this cursor."),
    "last": Argument(int | None, f"How many from the end, at most {MAX_SIZE}; not with first."),
    "before": Argument(str | None, "Only what comes before this cursor."),
}


@output(Page)
class PageInfo:
    """Where a page lies in its connection."""

    has_next_page: bool = column("Whether more follow this page.")
    has_previous_page: bool = column("Whether there are more before this page.")
    start_cursor: str | None = column("The cursor of the first edge; null if the page is empty.")
    end_cursor: str | None = column("The cursor of the last edge; null if the page is empty.")
