"""The response as it grows: values completed into objects, level by level, and errors."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from graphql import GraphQLError, GraphQLObjectType
from graphql.error import located_error

from weft.declare.remembered import Remembered
from weft.execution import template
from weft.execution.completion import Completion, FailedAt, at
from weft.execution.plan import FieldPlan, SelectionPlan
from weft.execution.response_path import Level, Object, Place
from weft.execution.template import Template, write

_LISTS = frozenset({list, tuple})
_NONE = type(None)

FindType = Callable[[Level, FieldPlan, int, Any], GraphQLObjectType]


class _Failure(NamedTuple):
    """An error in a field of the parent with that index.

    `absorbed`: True if the error stops at a nullable list item and does not propagate.
    """

    field: FieldPlan
    parent: int
    failed: FailedAt
    absorbed: bool


class Response:
    """The data and errors of one run.

    Objects go into the response as soon as they are built, with None for values that are not known
    yet, so it can be returned at any moment. `find_type` returns the object type of a value of some
    level and field if its class does not give it. `raw`: objects may be put in as finished JSON.
    """

    def __init__(self, find_type: FindType, *, raw: bool = False) -> None:
        self.errors: list[GraphQLError] = []
        self._find_type = find_type
        self._raw = raw
        self._holder: list[Any] = [None]

    @property
    def data(self) -> Object | None:
        """The response's data; None once an error has propagated to the root."""
        return self._holder[0]

    def begin(self, plan: SelectionPlan, root_value: Any) -> Level:
        """Puts the root object into the response; returns its level."""
        objects, failures = _build(plan, [root_value])
        level = Level(plan, [root_value], objects)
        self._holder[0] = objects[0]
        level.stands_at(Place(None, self._holder, 0))
        if failures:
            self._fail(level, failures)
        return level

    def fail_all(self, level: Level, field: FieldPlan, error: Exception) -> None:
        """Records the error of a field for all objects of a level."""
        if isinstance(level, Template):
            level = self._unwritten(level)
        failed = FailedAt(error, ())
        indexes = range(len(level.objects))
        self._fail(level, [_Failure(field, index, failed, False) for index in indexes])

    def complete(self, level: Level, field: FieldPlan, values: Sequence[Any]) -> Sequence[Level]:
        """Completes a field with one value for each object of a level; returns the levels it opens.

        A value that is an `Exception` is the field's error in that object.
        """
        if field.leaf:
            self._complete_leaves(level, field, values)
            return ()
        if 1 == len(values) < template.FEW_ROWS and self._complete_at_once(level, field, values):
            return ()
        if self._raw:
            opened = write(level, field, values, _render)
            if opened is not None:
                return opened
            if isinstance(level, Template):
                values = level.everywhere(values)
                level = self._unwritten(level)
        return self._complete_into_objects(level, field, values)

    def _complete_at_once(self, level: Level, field: FieldPlan, values: Sequence[Any]) -> bool:
        """Completes one object with everything below it; False if it needs the general path."""
        if field.depth or level.__class__ is not Level:
            return False
        plan = field.selection_for_class(type(values[0]))
        if plan is None or plan.build_whole is None:
            return False
        if self._raw and plan.composites and isinstance(values[0], Remembered):
            return False  # its JSON may be stored
        try:
            level.objects[0][field.key] = plan.build_whole(values)[0]
        except Exception:  # the general path reports the error in its place
            return False
        return True

    def _complete_into_objects(
        self, level: Level, field: FieldPlan, values: Sequence[Any], *, shares: bool = True
    ) -> Sequence[Level]:
        """`shares`: a row at several places may become one object."""
        opened = None
        if field.depth == 0:
            opened = self._complete_objects(level, field, values, shares=shares)
        elif field.depth == 1:
            opened = self._complete_lists(level, field, values)
        return self._complete_carefully(level, field, values) if opened is None else opened

    def _complete_leaves(self, level: Level, field: FieldPlan, values: Sequence[Any]) -> None:
        try:
            completed = field.complete_all(values)
        except Exception:
            self._complete_carefully(level, field, values)
            return
        key = field.key
        for made, value in zip(level.objects, completed, strict=True):
            made[key] = value

    def _complete_objects(
        self, level: Level, field: FieldPlan, values: Sequence[Any], *, shares: bool
    ) -> Sequence[Level] | None:
        """The fast path for values, not lists, of one class, or null if allowed; else None."""
        parents: Sequence[Object] = level.objects
        classes = set(map(type, values))
        if _NONE in classes and field.nullable[0]:
            pairs = [pair for pair in zip(parents, values, strict=True) if pair[1] is not None]
            parents = [parent for parent, _ in pairs]
            values = [value for _, value in pairs]
            classes.remove(_NONE)
        plan = _plan_for(field, classes)
        if plan is None:
            return None
        key = field.key
        # Where nothing follows below, building an object again costs less than sharing it.
        if shares and field.shared and not plan.ends_here and len(values) > 1:
            rows = dict(zip(map(id, values), values, strict=True))
            if len(rows) < len(values):
                distinct = list(rows.values())
                objects, failures = _build(plan, distinct)
                made_of = dict(zip(rows, objects, strict=True))
                for parent, value in zip(parents, values, strict=True):
                    parent[key] = made_of[id(value)]
                return self._opened(Level(plan, distinct, objects, level, field), failures)
        objects, failures = _build(plan, values)
        for parent, made in zip(parents, objects, strict=True):
            parent[key] = made
        return self._opened(Level(plan, values, objects, level, field), failures)

    def _complete_lists(
        self, level: Level, field: FieldPlan, values: Sequence[Any]
    ) -> Sequence[Level] | None:
        """The fast path for lists of objects, all of one class; else None."""
        if not _LISTS.issuperset(map(type, values)):
            return None
        rows = list(chain.from_iterable(values))
        if not rows:
            for parent in level.objects:
                parent[field.key] = []
            return ()
        plan = _plan_for(field, set(map(type, rows)))
        if plan is None:
            return None
        objects, failures = _build(plan, rows)
        key, start = field.key, 0
        for parent, value in zip(level.objects, values, strict=True):
            end = start + len(value)
            parent[key] = objects[start:end]
            start = end
        return self._opened(Level(plan, rows, objects, level, field), failures)

    def _unwritten(self, template: Template) -> Level:
        """Completes a template into a level of objects, without sharing rows."""
        written, level, values = template.written, template.parent, template.written.values
        assert level is not None
        if isinstance(level, Template):
            values = level.everywhere(values)
            level = self._unwritten(level)
        (level,) = self._complete_into_objects(level, written.field, values, shares=False)
        while level.plan is not written.plan:
            (inner,) = level.plan.composites
            values = list(map(inner.read, level.rows))
            (level,) = self._complete_into_objects(level, inner, values, shares=False)
        return level

    def _complete_carefully(
        self, level: Level, field: FieldPlan, values: Sequence[Any]
    ) -> list[Level]:
        """The general path: completes each value by itself, of any type and with any error."""
        failures: list[_Failure] = []
        found: dict[SelectionPlan, tuple[list[Any], list[Object]]] = {}
        for index, value in enumerate(values):

            def place(value: Any, index: int = index) -> Object:
                object_type = self._find_type(level, field, index, value)
                rows, objects = found.setdefault(field.selection(object_type), ([], []))
                rows.append(value)
                objects.append({})
                return objects[-1]

            level.objects[index][field.key] = _complete_one(field, index, value, place, failures)
        levels: list[Level] = []
        for plan, (rows, objects) in found.items():
            made, failures_below = _build(plan, rows)
            for standing, entries in zip(objects, made, strict=True):
                standing.update(entries)
            levels += self._opened(Level(plan, rows, objects, level, field), failures_below)
        self._fail(level, failures)
        return levels

    def _opened(self, level: Level, failures: Sequence[_Failure]) -> Sequence[Level]:
        """Records failures of objects, already in place; gives the level if it has more to do."""
        if failures:
            self._fail(level, failures)
        return () if level.plan.ends_here else (level,)

    def _fail(self, level: Level, failures: Sequence[_Failure]) -> None:
        for field, parent, failed, absorbed in failures:
            # Places are found first: an object that stands at several is nulled at all of them.
            for place in [place for place in level.places()[parent] if place.stands()]:
                path = [*place.path(), field.key, *failed.path]
                self.errors.append(located_error(failed.error, field.nodes[:1], path))
                if not absorbed and not field.nullable[0]:
                    level.null(place)


def _plan_for(field: FieldPlan, classes: set[type]) -> SelectionPlan | None:
    return field.selection_for_class(classes.pop()) if len(classes) == 1 else None


def _render(plan: SelectionPlan, row: Any) -> Object | None:
    """The object of a row, with everything below it that needs no resolver; None on errors."""
    response = Response(_no_type)
    ready = [response.begin(plan, row)]
    try:
        while ready:
            level = ready.pop()
            for field in level.plan.composites:
                ready.extend(response.complete(level, field, list(map(field.read, level.rows))))
    except Exception:  # a value cannot be read: its completion reports the error
        return None
    return None if response.errors else response.data


def _no_type(_level: Level, field: FieldPlan, _index: int, _value: Any) -> GraphQLObjectType:
    raise TypeError(f"{field.coordinate} cannot tell its objects' type by itself.")


def _build(plan: SelectionPlan, rows: Sequence[Any]) -> tuple[list[Object], Sequence[_Failure]]:
    try:
        return plan.build(rows), ()
    except Exception:
        # At least one value is invalid: completing them one by one finds all that are.
        failures: list[_Failure] = []
        objects = [_build_one(plan, index, row, failures) for index, row in enumerate(rows)]
        return objects, failures


def _build_one(plan: SelectionPlan, index: int, row: Any, failures: list[_Failure]) -> Object:
    made: Object = dict.fromkeys(plan.keys)
    for field in plan.leaves:
        try:
            value = field.read(row)
        except Exception as error:
            value = error
        made[field.key] = _complete_one(field, index, value, _never_placed, failures)
    return made


def _complete_one(
    field: FieldPlan,
    index: int,
    value: Any,
    place: Callable[[Any], Any],
    failures: list[_Failure],
) -> Any:
    def report(failed: FailedAt) -> None:
        failures.append(_Failure(field, index, failed, True))

    try:
        return Completion(field.coordinate, report, place).complete(field.definition.type, value)
    except Exception as error:
        failures.append(_Failure(field, index, at(error, ()), False))
        return None


def _never_placed(_value: Any) -> Any:
    raise AssertionError("a leaf has no objects")
