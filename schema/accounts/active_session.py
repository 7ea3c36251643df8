"""Sessions as their user sees them."""

from datetime import datetime

import strawberry

from db.accounts.session import SessionRow
from resolvers.accounts import active_session as resolve
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, derived, field, mutation
from weft.declare.identity import global_id
from weft.declare.types import extends, given, input_type, output


@output(SessionRow)
class ActiveSession:
    """Where a user is signed in."""

    id: strawberry.ID = derived(global_id("Session"), "Opaque; endSession takes it.")
    opened_at: datetime = column("When the user signed in.")
    expires_at: datetime = column("When it ends, unless it is refreshed before.")
    is_current: bool = field(resolve.is_current)


@output(resolve.EndSessionPayload)
class EndSessionPayload:
    """What became of a session that was to end."""

    ended_id: strawberry.ID | None = column("The ID it had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(resolve.EndSession)
class EndSessionInput:
    """Which session to end."""

    id: strawberry.ID = given("One of User.sessions.")


@extends(Mutation)
class ActiveSessionMutations:
    """What ends another session."""

    end_session: EndSessionPayload = mutation(
        resolve.end_session,
        arguments={"input": Argument(EndSessionInput, "Which session.")},
    )
