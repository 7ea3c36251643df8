"""Users as clients see them."""

from datetime import datetime

import strawberry

from db.accounts.session import SESSIONS_LISTED
from db.accounts.user import Role, UserRow
from resolvers.accounts import user as resolve
from schema.accounts.active_session import ActiveSession
from schema.accounts.user_cache import USER_TOTAL, USERS
from schema.node import Node
from schema.page import PAGE_ARGUMENTS, PageInfo
from schema.query import Query
from weft.declare.fields import Argument, ListSize, column, derived, field, root
from weft.declare.identity import global_id
from weft.declare.pagination import PAGE_SIZE, Edge, Page, take_page
from weft.declare.types import enumeration, extends, output
from weft.declare.weight import Weight
from weft.loading.reach import Reach

enumeration(
    Role,
    {"MEMBER": "Owns items.", "ADMIN": "Sees and changes the items of everybody."},
)


@output(UserRow)
class User(Node):
    """A person who owns items."""

    id: strawberry.ID = derived(global_id("User"), "Opaque, and unique among all objects.")
    name: str = column("The name that others see.")
    email: str | None = field(resolve.email, guard=resolve.SELF_OR_ADMIN)
    email_verified: bool | None = field(resolve.email_verified, guard=resolve.SELF_OR_ADMIN)
    role: Role = column("What this user may do.")
    created_at: datetime = column("When this user signed up.")
    suspended_at: datetime | None = field(resolve.suspended_at, guard=resolve.SELF_OR_ADMIN)
    sessions: list[ActiveSession] | None = field(
        resolve.sessions,
        guard=resolve.SELF_OR_ADMIN,
        size=ListSize((), lambda: SESSIONS_LISTED),
        weight=Reach.PARENT.weight,
    )


@output(Edge)
class UserEdge:
    """A user in a connection."""

    cursor: str = column("Hand it back as after or before to go on from here.")
    node: User = column("The user.")


@output(Page)
class UserConnection:
    """A page of users."""

    edges: list[UserEdge] = column("The users of this page with their cursors, in order.")
    nodes: list[User] = column("The users of this page, in order.")
    page_info: PageInfo = column("Where this page lies.")
    total_count: int = field(resolve.total_count, cache=USER_TOTAL, weight=Reach.PARENT.weight)


@extends(Query)
class UserQueries:
    """Users."""

    viewer: User | None = root(resolve.viewer)
    user: User | None = root(
        resolve.user, arguments={"id": Argument(strawberry.ID, "The ID of a user.")}
    )
    users: UserConnection = root(
        resolve.users,
        arguments={
            **PAGE_ARGUMENTS,
            "search": Argument(
                str | None,
                "Only users whose name has these words; there must be a word to find.",
            ),
        },
        prepare=take_page,
        size=PAGE_SIZE,
        weight=Weight(("search",), lambda search: resolve.users_reach(search).weight),
        cache=USERS,
    )
