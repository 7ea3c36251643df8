"""A torture schema like a real one: pages of edges of items that have owners, who have pages.

The executor writes more of it as JSON, without building objects, than of other schemas.
"""

from functools import lru_cache
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
)

from tests.weft.execution.torture import TortureFields
from tests.weft.execution.torture_answers import RowA, RowB
from weft.execution.binding import DECLARED

PAGE_SEED = 1000
"""The first seed; those of the other schemas are smaller."""


@lru_cache(maxsize=64)
def pages_schema(seed: int) -> GraphQLSchema:
    """A schema; each seed forbids null in other places."""
    return _Pages(Random(seed), PAGE_SEED + seed).schema()


class _Pages(TortureFields):
    def schema(self) -> GraphQLSchema:
        objects = {
            name: GraphQLObjectType(
                name,
                lambda name=name: self.fields_of(name),
                is_type_of={"A": RowA.is_type_of, "B": RowB.is_type_of}.get(name),
            )
            for name in "ABCD"
        }
        for name, row in (("A", RowA), ("B", RowB)):
            objects[name].extensions[DECLARED] = type("Definition", (), {"origin": row})
        self.item, self.owner, self.edge, self.page = objects.values()
        self.either = GraphQLUnionType(
            "Swapped",
            [self.item, self.owner],
            resolve_type=None if self.random.random() < 0.5 else lambda value, *_: value.type_name,
        )
        query = GraphQLObjectType("Query", self.fields_of("Query"))
        return GraphQLSchema(query, types=list(objects.values()))

    def fields_of(self, name: str) -> dict[str, GraphQLField]:
        edges, items, owners = map(self.many, (self.edge, self.item, self.owner))
        fields: dict[str, dict[str, tuple[Any, str]]] = {
            "A": {
                "text": (GraphQLString, "column"),
                "number": (GraphQLInt, "derived"),
                "owner": (self.owner, "batched"),
            },
            "B": {
                "name": (GraphQLString, "column"),
                "key": (GraphQLID, "column"),
                "page": (self.page, "batched"),
                "friends": (owners, "batched"),
                "count": (GraphQLInt, "batched"),
            },
            "C": {
                "node": (self.item, "column"),
                "cursor": (GraphQLString, "derived"),
                "nearest": (self.edge, "column"),
                "further": (edges, "column"),
                "any": (self.either, "column"),
            },
            "D": {
                "edges": (edges, "column"),
                "nodes": (items, "column"),
                "first": (self.item, "column"),
                "size": (GraphQLInt, "column"),
            },
            "Query": {
                "page": (self.page, "root"),
                "edge": (self.edge, "root"),
                "pages": (self.many(self.page), "root"),
                "items": (items, "root"),
                "either": (self.many(self.either), "root"),
            },
        }
        return {
            key: self.field(f"{name}.{key}", self.perhaps_required(type_), kind)
            for key, (type_, kind) in fields[name].items()
        }

    def many(self, type_: Any) -> Any:
        required = self.random.random() < 0.7
        return GraphQLList(GraphQLNonNull(type_) if required else type_)

    def perhaps_required(self, type_: Any) -> Any:
        return GraphQLNonNull(type_) if self.random.random() < 0.6 else type_
