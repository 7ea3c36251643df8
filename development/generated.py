"""Files of the checkout, and parts of files, that are generated from the code."""

from collections.abc import Callable, Mapping
from pathlib import Path

from settings import settings_table
from settings.table import with_tables
from weft.bounds import bounds_table

CHECKOUT = Path(__file__).parent.parent
SDL = CHECKOUT / "schema" / "schema.graphql"
TABLES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    CHECKOUT / "docs" / "settings.md": {"settings": settings_table},
    CHECKOUT / "docs" / "limits.md": {"bounds": bounds_table},
}
"""Functions that write the tables of each page, by the name in the comments around the table."""


def write_tables() -> None:
    """Writes every table of `TABLES` into its page and leaves the rest of the page unchanged."""
    for page, tables in TABLES.items():
        page.write_text(with_tables(page.read_text(), tables))
