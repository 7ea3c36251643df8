"""Empty databases, as `databases`."""

from tests.empty_databases import databases

__all__ = ["databases"]
