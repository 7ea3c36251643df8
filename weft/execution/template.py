"""Writes values into the response as JSON, where their texts are stored: see `rendering`."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from weft.declare.remembered import Remembered
from weft.execution.inline_build import FEW_ROWS
from weft.execution.plan import FieldPlan, SelectionPlan
from weft.execution.rendering import Render, raw, texts_of
from weft.execution.response_path import Level

_LISTS = frozenset({list, tuple})
_NONE = type(None)


class Written(NamedTuple):
    """The values of a field as JSON: the text of each row, with `before` and `after` around it.

    `rows` are the objects in the values, and `plan` is what is selected on them. Where objects of
    one row may be shared and a row occurs twice, `rows` has each row once, and `places` has the id
    of the row at each place, in the order of the values; else `places` is None.
    """

    field: FieldPlan
    values: Sequence[Any]
    plan: SelectionPlan
    rows: Sequence[Any]
    texts: Sequence[bytes]
    places: Sequence[int] | None
    before: bytes
    after: bytes

    def json(self, answers: Sequence[bytes] | None = None) -> Sequence[bytes]:
        """The JSON of each value; `answers`: that of the field which the rows' texts leave open."""
        texts = self.texts
        if self.places is not None or (answers is not None and self.field.depth == 0):
            if answers is not None:
                texts = [text % answer for text, answer in zip(texts, answers, strict=True)]
                answers = None
            texts = self.wherever(texts)
        return self._objects(texts) if self.field.depth == 0 else self._lists(texts, answers)

    def wherever(self, of_rows: Sequence[Any]) -> Sequence[Any]:
        """Expands one item for each row to one for each place in the values where a row stands."""
        if self.places is None:
            return of_rows
        by_row = dict(zip(map(id, self.rows), of_rows, strict=True))
        return [by_row[place] for place in self.places]

    def by_value(self, of_places: Sequence[Any]) -> list[list[Any]]:
        """Groups one item for each place by the values in which the places are."""
        each = iter(of_places)
        if self.field.depth == 0:
            return [[] if value is None else [next(each)] for value in self.values]
        return [list(islice(each, len(value))) for value in self.values]

    def _objects(self, texts: Sequence[bytes]) -> Sequence[bytes]:
        if not self.before and len(texts) == len(self.values):
            return texts
        each = iter(texts)
        return [
            b"null" if value is None else self.before + next(each) + self.after
            for value in self.values
        ]

    def _lists(self, texts: Sequence[bytes], answers: Sequence[bytes] | None) -> list[bytes]:
        before, after = self.before, self.after
        between = after + b"," + before
        lists, start = [], 0
        for value in self.values:
            end = start + len(value)
            inside = before + between.join(texts[start:end]) + after if value else b""
            if answers is not None:
                # Formatting all at once takes a third of the time of one by one.
                inside %= tuple(answers[start:end])
            lists.append(b"[" + inside + b"]")
            start = end
        return lists


class Template(Level):
    """A level that is written as JSON except for one field, which has to be resolved.

    Its objects are not in the response yet; their JSON is put there with that field's answer.
    """

    __slots__ = ("written",)

    def __init__(self, level: Level, written: Written) -> None:
        super().__init__(written.plan, written.rows, [], level, written.field)
        self.written = written

    def everywhere(self, of_rows: Sequence[Any]) -> Sequence[Any]:
        """Expands one item for each row to one for each object that it becomes in the response."""
        of_places = self.written.wherever(of_rows)
        if not isinstance(self.parent, Template):
            return of_places
        by_value = self.written.by_value(of_places)
        return list(chain.from_iterable(self.parent.everywhere(by_value)))


def write(
    level: Level, field: FieldPlan, values: Sequence[Any], render: Render
) -> Sequence[Level] | None:
    """Writes values into the response, or opens the level of a field to be resolved below them.

    Returns None if the values have to be completed into objects.
    """
    if not field.writable_below:
        return None
    written = _written(field, values, render, must=isinstance(level, Template))
    if written is None:
        return None
    if written.plan.form.hole is not None:
        return (Template(level, written),)
    _put(level, field, written.json())
    return ()


def _put(level: Level, field: FieldPlan, texts: Sequence[bytes]) -> None:
    """Puts a field's values, as JSON, into the object of each row of a level."""
    while isinstance(level, Template):
        assert level.parent is not None
        texts = level.written.json(texts)
        level, field = level.parent, level.written.field
    for made, text in zip(level.objects, texts, strict=True):
        made[field.key] = raw(text)


def _written(
    field: FieldPlan, values: Sequence[Any], render: Render, *, must: bool
) -> Written | None:
    """The values as JSON, if all objects in them are of one class and have texts.

    Fewer than FEW_ROWS rows are written only inside of a template, where they `must` be, or if they
    are `Remembered` and have composites.
    """
    try:
        found = _rows(field, values, must=must)
    except Exception:  # a value cannot be read: its completion reports the error
        return None
    if found is None:
        return None
    plan, rows, before, after = found
    places = None
    if plan.form.hole is not None and field.shared:
        distinct = dict(zip(map(id, rows), rows, strict=True))
        if len(distinct) < len(rows):
            places, rows = list(map(id, rows)), list(distinct.values())
    texts = texts_of(plan, rows, render)
    if texts is None:
        return None
    return Written(field, values, plan, rows, texts, places, before, after)


def _rows(
    field: FieldPlan, values: Sequence[Any], *, must: bool
) -> tuple[SelectionPlan, Sequence[Any], bytes, bytes] | None:
    """The objects in the values that may have texts, their plan, and the JSON around each."""
    rows = values
    if field.depth:
        if not _LISTS.issuperset(map(type, values)):
            return None
        rows = list(chain.from_iterable(values))
    classes = set(map(type, rows))
    if _NONE in classes and field.nullable[0] and not field.depth:
        classes.remove(_NONE)
        rows = [row for row in rows if row is not None]
    plan = _plan_for(field, classes)
    before = after = b""
    while plan is not None:
        form, remembered = plan.form, isinstance(rows[0], Remembered)
        if len(rows) < FEW_ROWS and not must and not (remembered and plan.composites):
            return None
        if remembered and (plan.inline or form.hole):
            return plan, rows, before, after
        inner = form.wrapped
        if inner is None:
            return None
        before, after = before + form.before, form.after + after
        rows = list(map(inner.read, rows))
        plan = _plan_for(inner, set(map(type, rows)))
    return None


def _plan_for(field: FieldPlan, classes: set[type]) -> SelectionPlan | None:
    return field.selection_for_class(classes.pop()) if len(classes) == 1 else None
