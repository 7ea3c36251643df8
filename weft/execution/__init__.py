"""Operations: parsed, validated and compiled once; executed breadth-first, or by graphql-core."""

from weft.execution.errors import Refused, format_error
from weft.execution.schema import Schema

__all__ = ["Refused", "Schema", "format_error"]
