"""Where objects stand in the response: computed only for errors and resolve info."""

from collections.abc import Sequence
from typing import Any

from weft.execution.plan import FieldPlan, SelectionPlan

Object = dict[str, Any]


class Place:
    """A position: `container[key]`, where the container stands at `parent`."""

    __slots__ = ("container", "key", "parent")

    def __init__(self, parent: "Place | None", container: Any, key: str | int) -> None:
        self.parent = parent
        self.container = container
        self.key = key

    def stands(self) -> bool:
        """Whether neither this position nor one above it has been nulled."""
        place: Place | None = self
        while place is not None:
            if place.container[place.key] is None:
                return False
            place = place.parent
        return True

    def path(self) -> list[str | int]:
        """The response path of this position."""
        keys: list[str | int] = []
        place = self
        while place.parent is not None:
            keys.append(place.key)
            place = place.parent
        keys.reverse()
        return keys


class Level:
    """The objects of one selection plan that were reached together through one field.

    `objects[i]` is the response object of `rows[i]`. One object may stand at several places: a row
    that occurs under many parents may be executed once.
    """

    __slots__ = ("_places", "field", "objects", "parent", "plan", "rows")

    def __init__(
        self,
        plan: SelectionPlan,
        rows: Sequence[Any],
        objects: list[Object],
        parent: "Level | None" = None,
        field: FieldPlan | None = None,
    ) -> None:
        self.plan = plan
        self.rows = rows
        self.objects = objects
        self.parent = parent
        self.field = field
        self._places: list[list[Place]] | None = None

    def stands_at(self, place: Place) -> None:
        """Sets where the only object of the root level stands."""
        self._places = [[place]]

    def places(self) -> list[list[Place]]:
        """The places where each object stands; none once it was nulled."""
        if self._places is None:
            self._places = self._find_places()
        return self._places

    def _find_places(self) -> list[list[Place]]:
        assert self.parent is not None
        assert self.field is not None
        found: dict[int, list[Place]] = {id(made): [] for made in self.objects}
        key = self.field.key
        for parent_object, parent_places in zip(
            self.parent.objects, self.parent.places(), strict=True
        ):
            for parent_place in parent_places:
                _walk(Place(parent_place, parent_object, key), found)
        return [found[id(made)] for made in self.objects]

    def null(self, place: Place) -> None:
        """Nulls an object of this level, or the nearest position above that may be null."""
        level: Level = self
        while level.field is not None:
            assert level.parent is not None
            assert place.parent is not None
            nullable = level.field.nullable
            depth = level.field.depth
            while depth and not nullable[depth]:
                place, depth = place.parent, depth - 1
                assert place.parent is not None
            if nullable[depth]:
                break
            level, place = level.parent, place.parent
        place.container[place.key] = None


def _walk(place: Place, found: dict[int, list[Place]]) -> None:
    value = place.container[place.key]
    if isinstance(value, list):
        for index in range(len(value)):
            _walk(Place(place, value, index), found)
    elif value is not None and (places := found.get(id(value))) is not None:
        places.append(place)
