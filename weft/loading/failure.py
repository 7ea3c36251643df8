"""What waiters are given when their batch has failed."""

from weft.errors import WeftError


class LoadError(RuntimeError):
    """A batch failed for a reason that is no client's business; the cause says it."""


def own_error(error: Exception) -> Exception:
    """A copy for one waiter; what no client may see becomes a `LoadError` with its cause."""
    # One exception object raised by many waiters would gather all their tracebacks.
    if isinstance(error, WeftError):
        own = type(error).__new__(type(error), *error.args)
        vars(own).update(vars(error))
    else:
        own = LoadError(f"{type(error).__name__}: {error}")
    own.__cause__ = error
    return own
