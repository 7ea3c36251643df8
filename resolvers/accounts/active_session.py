"""The rules of sessions as their user sees them: which are open, and how to end one."""

from collections.abc import Sequence

import msgspec

from db.accounts.session import DELETE_SESSION_OF_USER, SessionRow
from resolvers.context import STRANGER, Info
from weft.declare.identity import key_of
from weft.errors import BadId
from weft.problem import UserError, UserErrorCode


class EndSession(msgspec.Struct, frozen=True):
    """Which session ends, as a client says it."""

    id: str


class EndSessionPayload(msgspec.Struct, frozen=True):
    """The ID of the session that is no more, or why it still is."""

    ended_id: str | None = None
    errors: list[UserError] = []


def is_current(sessions: Sequence[SessionRow], info: Info) -> list[bool]:
    """Whether it is the one of this request."""
    return [session.id == info.context.viewer.session_id for session in sessions]


async def end_session(info: Info, input: EndSession) -> EndSessionPayload:
    """Ends one of the viewer's sessions at once, with its sockets."""
    viewer = info.context.viewer
    if viewer.user_id is None:
        forbidden = UserError(UserErrorCode.FORBIDDEN, "Sign in to end your sessions.")
        return EndSessionPayload(errors=[forbidden])
    try:
        key = key_of("Session", input.id)
    except BadId as error:
        return EndSessionPayload(errors=[UserError(UserErrorCode.INVALID, error.message, ["id"])])
    async with info.context.write() as transaction:
        if key == viewer.session_id:
            await transaction.hold_rights()
        ended = await transaction.first(
            DELETE_SESSION_OF_USER, session_id=key, user_id=viewer.user_id
        )
    if ended is None:
        missing = UserError(UserErrorCode.NOT_FOUND, "You have no such session.", ["id"])
        return EndSessionPayload(errors=[missing])
    if key == viewer.session_id:
        info.context.viewer = STRANGER
    return EndSessionPayload(input.id)
