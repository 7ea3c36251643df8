"""Live updates; each noun extends it."""

from weft.declare.types import output


@output()
class Subscription:
    """Events, as they happen."""
