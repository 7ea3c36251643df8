"""The errors that the cache raises."""

from weft.errors import Unavailable


class CacheUnavailable(Unavailable):
    """Redis did not answer in time; callers that can do without the cache go on."""


class ViewerRead(RuntimeError):
    """A field that is cached for all viewers reads the viewer: its declaration is wrong."""
