"""Sessions as their user sees them."""

from datetime import datetime

import strawberry

from db.accounts.session import SessionRow
from resolvers.accounts import active_session as resolve
from weft.fields import column, derived, field
from weft.identity import global_id
from weft.types import output


@output(SessionRow)
class ActiveSession:
    """Where a user is signed in."""

    id: strawberry.ID = derived(global_id("Session"), "Opaque; endSession takes it.")
    opened_at: datetime = column("When the user signed in.")
    expires_at: datetime = column("When it ends, unless it is refreshed before.")
    is_current: bool = field(resolve.is_current)
