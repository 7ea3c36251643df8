"""Files of the checkout that are made out of the code, and their parts."""

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
"""What writes the tables of each page, by the name in the comments around each."""


def write_tables() -> None:
    """Writes every table of `TABLES` into its page; the rest of the page stays as it is."""
    for page, tables in TABLES.items():
        page.write_text(with_tables(page.read_text(), tables))
