"""What clients see: the types and the three roots; reads like the SDL in `schema.graphql`."""

from typing import Literal

from schema import accounts, item_change, item_write
from schema.accounts.user import User
from schema.item import Item
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from weft.declare.types import has_fields
from weft.execution.limits import Limits
from weft.execution.schema import Schema

EXTENSIONS = (*accounts.EXTENSIONS, item_write, item_change)
"""The modules that add fields to the roots and to the types of others: imported, they have."""


def build_schema(
    executor: Literal["compiled", "reference"] = "compiled",
    *,
    limits: Limits | None = None,
    tell_cost: bool = False,
) -> Schema:
    """The schema, run by the given executor."""
    return Schema(
        Query,
        Mutation,
        Subscription if has_fields(Subscription) else None,
        types=[User, Item],
        executor=executor,
        limits=limits,
        tell_cost=tell_cost,
    )
