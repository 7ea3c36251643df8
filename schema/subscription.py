"""Live updates; each noun extends it."""

from weft.types import output


@output()
class Subscription:
    """What is told as it happens."""
