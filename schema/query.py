"""Where reading starts."""

import strawberry

from resolvers import item as resolve_item
from resolvers import node as resolve_node
from resolvers.accounts import audit_entry as resolve_audit_entry
from resolvers.accounts import user as resolve_user
from schema.accounts.audit_entry import AuditEntryConnection
from schema.accounts.user import User, UserConnection
from schema.cache import USERS
from schema.item import ITEM_ARGUMENTS, Item, ItemConnection, items_weight
from schema.node import Node
from schema.page import PAGE_ARGUMENTS
from weft.fields import Argument, ListSize, root
from weft.pagination import PAGE_SIZE, take_page
from weft.types import output
from weft.weight import Weight


@output()
class Query:
    """Where reading starts."""

    viewer: User | None = root(resolve_user.viewer)
    node: Node | None = root(
        resolve_node.node,
        arguments={"id": Argument(strawberry.ID, "The ID of an object of any type.")},
    )
    nodes: list[Node | None] = root(
        resolve_node.nodes,
        arguments={
            "ids": Argument(
                list[strawberry.ID], "IDs of objects of any type.", most=resolve_node.MAX_NODES
            )
        },
        size=ListSize(("ids",), len),
    )
    user: User | None = root(
        resolve_user.user, arguments={"id": Argument(strawberry.ID, "The ID of a user.")}
    )
    users: UserConnection = root(
        resolve_user.users,
        arguments={
            **PAGE_ARGUMENTS,
            "search": Argument(
                str | None,
                "Only users whose name has these words; there must be a word to find.",
            ),
        },
        prepare=take_page,
        size=PAGE_SIZE,
        weight=Weight(("search",), lambda search: resolve_user.users_reach(search).weight),
        cache=USERS,
    )
    audit_log: AuditEntryConnection | None = root(
        resolve_audit_entry.audit_log,
        arguments=PAGE_ARGUMENTS,
        prepare=take_page,
        size=PAGE_SIZE,
    )
    item: Item | None = root(
        resolve_item.item, arguments={"id": Argument(strawberry.ID, "The ID of an item.")}
    )
    items: ItemConnection = root(
        resolve_item.items,
        arguments={**PAGE_ARGUMENTS, **ITEM_ARGUMENTS},
        prepare=take_page,
        size=PAGE_SIZE,
        weight=items_weight(of_owner=False),
    )
