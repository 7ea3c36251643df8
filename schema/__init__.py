"""What clients see: the types and the three roots; reads like the SDL in `schema.graphql`."""

from typing import Literal

from schema.accounts.user import User
from schema.change import Subscription
from schema.item import Item
from schema.mutation import Mutation
from schema.query import Query
from weft.execution.limits import Limits
from weft.execution.schema import Schema


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
        Subscription,
        types=[User, Item],
        executor=executor,
        limits=limits,
        tell_cost=tell_cost,
    )
