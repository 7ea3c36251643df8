"""What the cache tells those who cannot go on without it."""

from weft.errors import Unavailable


class CacheUnavailable(Unavailable):
    """Redis did not answer in time; whoever can do without it does."""


class ViewerRead(RuntimeError):
    """A field that is cached for everybody reads who asks; its declaration is wrong."""
