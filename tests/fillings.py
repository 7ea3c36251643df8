"""Fills each cache of a process with the heaviest entries that clients can cause."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.item import ItemRow, ItemStatus
from db.item_page import ItemOrderField, ItemScope
from loaders.item import ItemPageKey
from resolvers.item import item_window
from schema import build_schema
from schema.item_cache import ITEM_TOTAL, ITEMS_OF_USER
from tests.weft.cache.driven import DrivenStore, Redis
from weft import bounds
from weft.bounds import Bound
from weft.cache.answers import Answers, Taken
from weft.cache.cache import Cache
from weft.cache.entry import Codec, Entry
from weft.cache.filler import Fill, Filler
from weft.declare.pagination import Page, PageArgs
from weft.declare.remembered import Remembered
from weft.documents.documents import Documents
from weft.execution.engine import Engine
from weft.execution.operation import Operation
from weft.loading.memory import VERSION_BYTES, Memory
from weft.server.head_cache import HeadCache
from weft.transport.request import Bodies

WIDE = "\N{GRINNING FACE}"
"""One such character makes Python store every character of a text in four bytes."""
START = datetime(2026, 1, 1, tzinfo=UTC)
numbers = itertools.count(10**6)


def text(length: int) -> str:
    """Returns a new unique text, so that no two values share an object."""
    return f"{next(numbers)}".ljust(length - 1, "x") + WIDE


def item(tags: int, description: int) -> ItemRow:
    number = next(numbers)
    at = START + timedelta(microseconds=number)
    return ItemRow(
        number,
        number + 10**9,
        text(20),
        text(description) if description else None,
        ItemStatus.PUBLISHED,
        [f"{chr(97 + place)}{number % 10}" for place in range(tags)],
        number,
        at,
        at + timedelta(1),
    )


def with_texts(value: Any) -> Any:
    """Returns the value, filled with as many bytes as the executor may cache on it."""
    assert isinstance(value, Remembered)
    vars(value)["seen:"] = b""
    for place in range(4):
        vars(value)[f"text:{place}"] = bytes(value.room_bytes // 4)
    return value


ITEMS = [
    lambda: item(20, 0),
    lambda: item(0, 0),
    lambda: item(3, 10_000),
    lambda: item(3, 100),
]


def page(make: Callable[[], ItemRow], rows: int) -> Page[ItemRow]:
    args = PageArgs(rows)
    return Page([make() for _ in range(rows)], item_window(args, None), scope(0, 0))


def scope(tags: int, search: int) -> ItemScope:
    return ItemScope(
        frozenset(ItemStatus),
        next(numbers),
        frozenset(text(50) for _ in range(tags)) or None,
        text(search) if search else None,
        START,
    )


Filling = Callable[[int, pytest.MonkeyPatch], Any]
"""Fills a cache of so many bytes; returns it, so that it stays alive while it is measured."""
FILLINGS: dict[str, list[Filling]] = {}


def fills(bound: Bound) -> Callable[[Filling], Filling]:
    def add(fill: Filling) -> Filling:
        FILLINGS.setdefault(bound.name, []).append(fill)
        return fill

    return add


def operations_of(make: Callable[[int], str]) -> Filling:
    def fill(room: int, _patch: pytest.MonkeyPatch) -> Any:
        engine = Engine(SCHEMA, max_operation_bytes=room)
        for _ in range(120):
            operation = engine.operation(given := make(next(numbers)))
            assert engine.operation(given) is operation
            assert isinstance(operation, Operation)
            values: Any = operation.coerce({"id": "x"})
            plan: Any = operation.plan(values)
            operation.cost.of(values)
            assert plan.form is not None
        return engine

    return fill


SCHEMA = build_schema().graphql_schema
FILLINGS["Operations"] = [
    operations_of(lambda n: f"{{a{n}:__typename}}"),
    operations_of(lambda n: f"query($id:ID!){{item(id:$id){{a{n}:title owner{{name}}}}}}"),
    operations_of(lambda n: f"{{viewer{{{' '.join(f'a{n}x{k}:id' for k in range(20))}}}}}"),
    operations_of(lambda n: f"{{viewer{{a{n}:id {'id ' * 30}}}}}"),
]


@fills(bounds.BODIES)
def bodies(room: int, _patch: pytest.MonkeyPatch) -> Any:
    kept = Bodies(room)
    for place in range(2_000):
        length = 20_000 if place % 100 == 0 else 10
        variables = {text(8): text(8) for _ in range(20)}
        sent = json.dumps({"query": text(length), "variables": variables}, ensure_ascii=False)
        request, _ = kept.read(sent.encode())
        kept.keep(sent.encode(), request, request.query)
        assert kept.read(sent.encode()) == (request, len(sent) < room / 5)
    return kept


@fills(bounds.HEADS)
def heads(room: int, _patch: pytest.MonkeyPatch) -> Any:
    kept = HeadCache(room)
    for _ in range(300):
        names = [b"%x" % place for place in range(16, 250)]
        lines = b"".join(b"%b:%x\r\n" % (name, next(numbers)) for name in names)
        sent = b"POST /graphql HTTP/1.1\r\n" + lines[:1_900].rpartition(b"\r\n")[0] + b"\r\n\r\n"
        headers = [tuple(line.split(b":")) for line in sent.split(b"\r\n")[1:-2]]
        given: Any = {"type": "http", "asgi": {}, "http_version": "1.1", "root_path": ""}
        given |= {"method": "POST", "path": text(10), "raw_path": b"/", "query_string": b""}
        learn = kept.learn(sent, given | {"headers": headers}, b"")
        assert learn is not None
        learn()
        assert kept.find(sent) is not None
    return kept


@fills(bounds.DOCUMENTS)
def documents(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.documents.documents.DOCUMENTS", bounds.DOCUMENTS.of(room))
    kept: Any = Documents(lambda _text, _name, _charge: True)
    for place in range(5_000):
        id_ = text(64)
        kept._remember(id_, text(20_000 if place % 100 == 0 else 10))
        kept._known.get(id_)
    return kept


def rows_of(make: Callable[[], ItemRow]) -> Filling:
    def fill(room: int, _patch: pytest.MonkeyPatch) -> Any:
        memory = Memory(room)
        for _ in range(3_000):
            memory.keep(next(numbers).to_bytes(VERSION_BYTES), with_texts(make()))
        return memory

    return fill


FILLINGS["Rows"] = [rows_of(make) for make in ITEMS]


@fills(bounds.ROWS)
def answers_of_rows(room: int, _patch: pytest.MonkeyPatch) -> Any:
    """Fills the memory of rows with pages of known rows and the heaviest keys."""
    memory = Memory(room)
    for _ in range(100):
        memory.keep(next(numbers).to_bytes(VERSION_BYTES), item(0, 0))
    for _ in range(1_500):
        args, rows = PageArgs(3), [item(0, 0)] * 3
        known = with_texts(Page(rows, item_window(args, None), scope(0, 0)))
        assert known.edges
        asked = ItemPageKey(scope(20, 200), ItemOrderField.TITLE, known.window), text(1_500)
        versions = next(numbers).to_bytes(VERSION_BYTES * 3)
        memory.keep_answer(asked, versions, known)
        memory.answer(asked, versions)
    return memory


def cache(room: int) -> Cache:
    store = DrivenStore(Redis(lambda: 0.0))
    filler: Any = None
    made = Cache(store, filler, wall_clock=lambda: 0.0, memory_bytes=room)
    made.use_history("0123456789abcdef0123")
    return made


def cached_pages_of(make: Callable[[], ItemRow], rows: int) -> Filling:
    def fill(room: int, _patch: pytest.MonkeyPatch) -> Any:
        kept, codec = cache(room), Codec(ITEMS_OF_USER)
        for _ in range(6_000 // rows):
            (entry,) = kept.entries(
                ITEMS_OF_USER, "User.items", ("-", b"d" * 24), [next(numbers)], {}, "shape"
            )
            stored = codec.encode(page(make, rows), b"7" * 20, 0.0)
            decoded = codec.decode(stored, 1, {"page": PageArgs(rows)})
            assert decoded is not None
            for row in decoded[2].nodes:
                with_texts(row)
            assert with_texts(decoded[2]).edges
            kept.kept.keep(entry, decoded[2], b"7" * 20, 300.0, len(stored))
            kept.kept.get_all([entry.name])
        return kept

    return fill


FILLINGS["Cached values"] = [cached_pages_of(make, 7) for make in ITEMS]
FILLINGS["Cached values"] += [cached_pages_of(ITEMS[0], 100), cached_pages_of(ITEMS[0], 1)]


@fills(bounds.CACHED_VALUES)
def cached_counts(room: int, _patch: pytest.MonkeyPatch) -> Any:
    kept = cache(room)
    for tags in (0, 20):
        for _ in range(2_000):
            keys = [scope(tags, 10 * tags)]
            (entry,) = kept.entries(
                ITEM_TOTAL, "ItemConnection.totalCount", ("", b""), keys, {}, ""
            )
            kept.kept.keep(entry, next(numbers), b"%020d" % next(numbers), 300.0, 40)
            kept.kept.get_all([entry.name])
    return kept


@fills(bounds.WHOLE_ANSWERS)
def whole_answers(room: int, _patch: pytest.MonkeyPatch) -> Any:
    kept = Answers(lambda: 0.0, room)
    entry = Entry("name", b"v", (b"f",))
    entry.keep(1, b"7", 300.0)
    entry.counted_in = b"version"
    for place in range(5_000):
        taken = [Taken("User.itemCount", [entry], [1])] * (place % 50)
        key = next(numbers), text(20).encode(), text(20)
        data = bytes(20_000 if place % 100 == 0 else 10)
        kept.keep(key, b"version", [*taken, Taken("User.itemCount", [entry], [1])], data)
        kept.find(key, b"version")
    return kept


@fills(bounds.INTROSPECTED)
async def introspected(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.execution.engine.INTROSPECTED", bounds.INTROSPECTED.of(room))
    patch.setattr("weft.execution.engine.OPERATIONS", bounds.OPERATIONS.of(0))
    engine = Engine(SCHEMA, max_operation_bytes=0)
    for _ in range(60):
        aliases = " ".join(f"a{next(numbers)}:__schema{{...F}}" for _ in range(10))
        asked = f"{{{aliases}}} fragment F on __Schema{{types{{name description}}}}"
        result = await engine.run(asked, raw=True)
        assert not result.errors
    return engine


@fills(bounds.FILLS)
async def values_to_be_stored(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.cache.filler.FILLS", bounds.FILLS.of(room))

    async def draw_id(history: str) -> int:
        return 1

    filler = Filler(DrivenStore(Redis(lambda: 0.0)), draw_id)
    for place in range(4_000):
        stored = bytes(20_000 if place % 100 == 0 else 40)
        keys = text(100).encode(), (text(40).encode(), text(40).encode())
        filler.offer([Fill("", *keys, stored, b"7" * 20, 300.0, 300.0, text(100).encode())])
    return filler
