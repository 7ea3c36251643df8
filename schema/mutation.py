"""Where writing starts; each noun extends it."""

from weft.declare.types import output


@output()
class Mutation:
    """Where writing starts."""
