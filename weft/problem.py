"""What is wrong with an input, as mutations answer it: data, not errors of the operation."""

import enum

import msgspec


class UserErrorCode(enum.StrEnum):
    """What kind of problem it is."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    TAKEN = "TAKEN"
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    EXPIRED = "EXPIRED"
    FORBIDDEN = "FORBIDDEN"


class UserError(msgspec.Struct, frozen=True):
    """A problem; `path` is where in the input, outermost first, and empty for all of it."""

    code: UserErrorCode
    message: str
    path: list[str] = []


class Problems:
    """Collects everything that is wrong with an input, in `errors`."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def add(self, code: UserErrorCode, message: str, *path: str) -> None:
        """A problem of any kind."""
        self.errors.append(UserError(code, message, list(path)))

    def invalid(self, message: str, *path: str) -> None:
        """A value that breaks a rule, whatever is stored."""
        self.add(UserErrorCode.INVALID, message, *path)
