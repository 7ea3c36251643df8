"""What all objects with an ID have in common."""

import strawberry

from weft.declare.fields import column
from weft.declare.types import interface


@interface
class Node:
    """An object that can be fetched again by its ID."""

    id: strawberry.ID = column("Opaque, and unique among all objects of all types.")
