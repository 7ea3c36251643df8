"""Where writing starts; each noun extends it."""

from weft.types import output


@output()
class Mutation:
    """Where writing starts."""
