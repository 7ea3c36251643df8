"""Rows by key and by page, without reading again what the process knows and the database confirms.

Where most answers could be made of known rows, versions are asked for, and whole rows only of what
has changed or was never seen; otherwise whole rows at once. So there is one statement, or two.

Where a row cannot be read there is one more, which gives each row as JSON: by key, an `Unreadable`
stands in place of what cannot be read; in a page the row is left out, and the next one takes its
place, since no cursor could be made of it.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from weft.declare.pagination import Page, Window
from weft.errors import Unreadable
from weft.loading.memory import VERSION_BYTES, Memory
from weft.postgres.connection import ReadConnection
from weft.postgres.pages import PageStatements
from weft.postgres.row_version import RowStatements, integer_array, key_of_version
from weft.postgres.unreadable import CANNOT_READ, row_of_json

PageKeyT = TypeVar("PageKeyT", bound="PageKey")
RowT = TypeVar("RowT", bound=msgspec.Struct)


LEFT_OUT = (20, 200)
MOST_LEFT_OUT = LEFT_OUT[-1]
"""Rows that a page may leave out: as many more than it shows are read for it."""


class PageKey(Protocol):
    """Which page; keys of different connections are different."""

    @property
    def scope(self) -> Hashable: ...
    @property
    def window(self) -> Window: ...


async def fetch_rows(
    connection: ReadConnection, statements: RowStatements[RowT], ids: Sequence[int]
) -> dict[int, RowT]:
    """The rows that are there, by id; an `Unreadable` is in place of each value that is none."""
    memory = connection.memory
    rows: dict[int, Any] = {}
    wanted: Sequence[int] = ids
    if memory.is_warm(statements):
        (versions,) = await connection.all(statements.versions, ids=integer_array(ids))
        rows, wanted = _confirmed(memory, versions)
        memory.learn(statements, len(ids) - len(wanted), len(ids))
    if wanted:
        try:
            found = await connection.all(statements.rows, ids=integer_array(wanted))
            read = [_remembered(connection, statements.row, *row) for row in found]
        except (Unreadable, *CANNOT_READ):
            texts = await connection.all(statements.texts, ids=integer_array(wanted))
            read = [row_of_json(statements.row, text) for text in texts]
        else:
            if wanted is ids:
                memory.learn(statements, sum(known for _, known in read), len(read))
        rows |= {row.id: row for row, _ in read}  # pyright: ignore[reportAttributeAccessIssue]
    return rows


def _confirmed(memory: Memory, versions: bytes) -> tuple[dict[int, Any], list[int]]:
    """The rows that are known, by id, and the ids of the others."""
    known = memory.rows(versions)
    if known is not None:
        return {row.id: row for row in known}, []
    rows: dict[int, Any] = {}
    wanted: list[int] = []
    for at in range(0, len(versions), VERSION_BYTES):
        version = versions[at : at + VERSION_BYTES]
        key = key_of_version(version)
        if (row := memory.row(version)) is None:
            wanted.append(key)
        else:
            rows[key] = row
    return rows, wanted


async def fetch_pages(
    connection: ReadConnection,
    statements: PageStatements[RowT],
    keys: Sequence[PageKeyT],
    arrays: Callable[[Sequence[PageKeyT]], dict[str, list[Any]]],
) -> list[Page[RowT]]:
    """Each key's page; `arrays` makes the statements' parameters of keys.

    An `Unreadable` is in place of a page where more than `MOST_LEFT_OUT` rows would be left out.
    """
    memory = connection.memory
    found: list[Page[RowT] | None] = [None] * len(keys)
    wanted: Sequence[int] = range(len(keys))
    if memory.is_warm(statements):
        for place, versions in await connection.all(statements.versions, **arrays(keys)):
            found[place - 1] = _known_page(memory, keys[place - 1], versions)
        wanted = [index for index, page in enumerate(found) if page is None]
        memory.learn(statements, len(keys) - len(wanted), len(keys))
    if wanted:
        read: list[list[tuple[RowT, bool]]] = [[] for _ in wanted]
        asked = [keys[index] for index in wanted]
        parameters = arrays(asked)
        try:
            for place, version, columns in await connection.all(statements.rows, **parameters):
                row = _remembered(connection, statements.row, version, columns)
                read[place - 1].append(row)
        except (Unreadable, *CANNOT_READ):
            pages = await _pages_of_readable_rows(connection, statements, asked, parameters)
            for index, page in zip(wanted, pages, strict=True):
                found[index] = page
            return found  # pyright: ignore[reportReturnType]
        for index, rows in zip(wanted, read, strict=True):
            key = keys[index]
            found[index] = Page([row for row, _ in rows], key.window, key.scope)
        if len(wanted) == len(keys):
            some = [rows for rows in read if rows]
            memory.learn(statements, sum(all(k for _, k in rows) for rows in some), len(some))
    return found  # pyright: ignore[reportReturnType]


async def _pages_of_readable_rows(
    connection: ReadConnection,
    statements: PageStatements[Any],
    keys: Sequence[PageKey],
    parameters: dict[str, list[Any]],
) -> list[Any]:
    """The pages as if rows that cannot be read were not there."""
    found: list[Any] = [Unreadable()] * len(keys)
    limits = parameters["row_limit"]
    for left_out in (0, *LEFT_OUT):
        parameters = parameters | {"row_limit": [limit + left_out for limit in limits]}
        read: list[list[tuple[Any, bool]]] = [[] for _ in keys]
        for place, text in await connection.all(statements.texts, **parameters):
            read[place - 1].append(row_of_json(statements.row, text))
        for index, (key, rows) in enumerate(zip(keys, read, strict=True)):
            readable = [row for row, is_readable in rows if is_readable][: limits[index]]
            if len(readable) == limits[index] or len(rows) < limits[index] + left_out:
                found[index] = Page(readable, key.window, key.scope)
        if not any(isinstance(page, Unreadable) for page in found):
            break
    return found


def _known_page(memory: Memory, key: PageKey, versions: bytes) -> Page[Any] | None:
    page = memory.answer(key, versions)
    if page is None and (rows := memory.rows(versions)) is not None:
        page = Page(rows, key.window, key.scope)
        memory.keep_answer(key, versions, page)
    return page


def _remembered(
    connection: ReadConnection, make: Callable[..., RowT], version: bytes, columns: tuple[Any, ...]
) -> tuple[RowT, bool]:
    """The row of a version, and whether it was known."""
    known = connection.memory.row(version)
    if known is not None:
        return known, True
    row = make(*columns)
    connection.memory.keep(version, row)
    return row, False
