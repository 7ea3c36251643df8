"""A schema of boxes in boxes, for tests of the limits of documents and costs of operations."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from weft.declare.fields import Argument, ListSize, column, event, field, mutation, root
from weft.declare.info import Info
from weft.declare.pagination import PAGE_SIZE, take_page
from weft.declare.types import output
from weft.execution import Schema
from weft.execution.limits import Limits

PAGE = {"first": Argument(int | None, "First."), "last": Argument(int | None, "Last.")}
WEIGHT = 7


class BoxRow:
    name: str = "box"


class CrateRow:
    name: str = "crate"


class PageRow:
    nodes: Sequence[BoxRow] = ()


async def boxes(rows: Sequence[BoxRow], info: Info, page: Any) -> list[PageRow]:
    """Boxes in it."""
    return [PageRow() for _ in rows]


async def lid(rows: Sequence[BoxRow], info: Info) -> list[str]:
    """The lid of a box."""
    return ["lid" for _ in rows]


async def parts(rows: Sequence[BoxRow], info: Info) -> list[Any]:
    """A list of unknown length."""
    return [[] for _ in rows]


async def one_box(info: Info) -> BoxRow:
    """A box."""
    return BoxRow()


async def page_of_boxes(info: Info, page: Any) -> PageRow:
    """Boxes."""
    return PageRow()


async def boxes_by_id(info: Info, ids: list[int]) -> list[Any]:
    """Some boxes."""
    return []


async def anything(info: Info) -> Any:
    """A box or a crate."""
    return BoxRow()


async def opened(info: Info) -> Any:
    """Boxes, as they are opened."""
    yield BoxRow()


async def make(info: Info) -> BoxRow:
    """Makes one."""
    return BoxRow()


@output(PageRow)
class Page:
    """A page."""

    nodes: list[Annotated["Box", strawberry.lazy("tests.weft.execution.boxes")]] = column("Boxes.")


@output(BoxRow)
class Box:
    """A box."""

    name: str = column("Its name.")
    lid: str = field(lid, weight=WEIGHT)
    parts: list[Annotated["Box", strawberry.lazy("tests.weft.execution.boxes")]] = field(parts)
    boxes: Page = field(boxes, arguments=PAGE, prepare=take_page, size=PAGE_SIZE)


@output(CrateRow)
class Crate:
    """A crate."""

    name: str = column("Its name.")


@output()
class Query:
    """Reading."""

    box: Box = root(one_box)
    boxes: Page = root(page_of_boxes, arguments=PAGE, prepare=take_page, size=PAGE_SIZE)
    by_id: list[Box] = root(
        boxes_by_id,
        arguments={"ids": Argument(list[int], "Which.")},
        size=ListSize(("ids",), len),
    )
    either: Annotated[Box | Crate, strawberry.union("Either")] = root(anything)


@output()
class Mutation:
    """Writing."""

    make: Box = mutation(make)


@output()
class Subscription:
    """Listening."""

    opened: Box = event(opened)


def box_schema(limits: Limits | None = None, **options: Any) -> Schema:
    return Schema(Query, Mutation, Subscription, types=[Crate], limits=limits, **options)
