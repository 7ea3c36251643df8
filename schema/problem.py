"""Why a mutation did not do what was asked, as clients see it."""

from weft.declare.fields import column
from weft.declare.types import enumeration, output
from weft.problem import UserError as UserErrorRow
from weft.problem import UserErrorCode

enumeration(
    UserErrorCode,
    {
        "INVALID": "The value breaks a rule.",
        "NOT_FOUND": "There is no such object that the viewer may see.",
        "CONFLICT": "Somebody else was faster: read again, and decide again.",
        "TAKEN": "Somebody else has this value already.",
        "BAD_CREDENTIALS": "The e-mail address or the password is wrong.",
        "EXPIRED": "The token is too old, or was used or revoked.",
        "FORBIDDEN": "The viewer may not do this.",
    },
)


@output(UserErrorRow)
class UserError:
    """Why a mutation did not do what was asked; nothing is half done."""

    code: UserErrorCode = column("For programs.")
    message: str = column("For people, in English.")
    path: list[str] = column("Where in the input, outermost first.")
