"""The errors that calls get when their batch has failed."""

from weft.errors import WeftError


class LoadError(RuntimeError):
    """A batch failed for a reason that clients must not see, which is the cause of this error."""


def own_error(error: Exception) -> Exception:
    """Returns a copy for one waiter; any but a WeftError becomes a `LoadError` with its cause."""
    # One exception object raised by many waiters would collect all their tracebacks.
    if isinstance(error, WeftError):
        own = type(error).__new__(type(error), *error.args)
        vars(own).update(vars(error))
    else:
        own = LoadError(f"{type(error).__name__}: {error}")
    own.__cause__ = error
    return own
