"""Users as clients see them."""

from datetime import datetime

import strawberry

from db.accounts.session import SESSIONS_LISTED
from db.accounts.user import Role, UserRow
from resolvers.accounts import user as resolve
from schema.accounts.active_session import ActiveSession
from schema.cache import ITEM_COUNT, ITEMS_OF_USER, USER_TOTAL
from schema.item import ITEM_ARGUMENTS, ItemConnection, items_weight
from schema.node import Node
from schema.page import PAGE_ARGUMENTS, PageInfo
from weft.fields import ListSize, column, derived, field
from weft.identity import global_id
from weft.loading.reach import Reach
from weft.pagination import PAGE_SIZE, Edge, Page, take_page
from weft.types import enumeration, output

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
    items: ItemConnection = field(
        resolve.items,
        arguments={**PAGE_ARGUMENTS, **ITEM_ARGUMENTS},
        prepare=take_page,
        size=PAGE_SIZE,
        weight=items_weight(of_owner=True),
        cache=ITEMS_OF_USER,
    )
    item_count: int = field(resolve.item_count, cache=ITEM_COUNT)


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
