"""Where reading starts; each noun extends it."""

import strawberry

from resolvers import node as resolve_node
from schema.node import Node
from weft.declare.fields import Argument, ListSize, root
from weft.declare.types import output


@output()
class Query:
    """Where reading starts."""

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
