"""Text of clients, before it may reach the database."""

from weft.errors import BadArgument


def checked_text(name: str, text: str | None, *, max_length: int) -> str | None:
    """The text, or None for None; BadArgument if it is too long or PostgreSQL could not hold it."""
    if text is None:
        return None
    if len(text) > max_length:
        raise BadArgument(f"{name} must have at most {max_length} characters.")
    if not is_storable(text):
        raise BadArgument(f"{name} must not hold NUL or half of a surrogate pair.")
    return text


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it has no NUL and no lone surrogate."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
