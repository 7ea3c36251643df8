from datetime import timedelta

import hypothesis.strategies as some
from hypothesis import HealthCheck, given, settings

from db.item import MOST_COUNTED, ItemStatus
from db.item_page import ItemOrderField, ItemScope, access_of
from loaders.item import (
    ItemPageKey,
    item_by_id,
    item_count_by_owner,
    item_count_by_scope,
    items_by_scope,
)
from resolvers.item import ITEM_ORDERS
from tests.client import Api
from tests.loaders.conftest import EPOCH, ITEMS, TAGS, TITLES, Stored
from tests.loaders.oracle import in_scope, item_place, page_of
from weft.declare.ordering import OrderDirection
from weft.declare.pagination import Order, Position, Window

# All examples share the rows, since they only read.
SHARED_ROWS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scopes = some.builds(
    ItemScope,
    some.just(frozenset(ItemStatus)) | some.frozensets(some.sampled_from(ItemStatus)),
    some.none() | some.integers(0, 8),
    some.none() | some.frozensets(some.sampled_from(TAGS), min_size=1, max_size=2),
    some.none()
    | some.sampled_from(["alpha", "alpha beta", "delta or alpha", "gamma -beta", "omega", "the"]),
    some.none() | some.integers(-1, 4).map(lambda us: EPOCH + timedelta(microseconds=us)),
)


def positions(field: ItemOrderField) -> some.SearchStrategy[Position | None]:
    """Generates None, positions of existing rows, and positions of rows that may not exist."""
    times = some.integers(-1, 4).map(lambda us: EPOCH + timedelta(microseconds=us))
    values = some.sampled_from([*TITLES, "", "b"]) if field is ItemOrderField.TITLE else times
    of_rows = some.sampled_from(ITEMS).map(lambda row: Position(*item_place(field)(row)))
    return some.none() | of_rows | some.builds(Position, values, some.integers(0, 125))


def windows(
    order: Order, positions: some.SearchStrategy[Position | None]
) -> some.SearchStrategy[Window]:
    sizes = some.integers(0, 5) | some.just(100)
    return some.builds(Window, some.just(order), sizes, some.booleans(), positions, positions)


@some.composite
def page_keys(draw: some.DrawFn) -> ItemPageKey:
    field = draw(some.sampled_from(ItemOrderField))
    order = ITEM_ORDERS[field, draw(some.sampled_from(OrderDirection))]
    return ItemPageKey(draw(scopes), field, draw(windows(order, positions(field))))


class TestItemsByScope:
    @SHARED_ROWS
    @given(keys=some.lists(page_keys(), min_size=1, max_size=12))
    async def test_each_key_gets_the_page_that_it_would_get_alone(
        self, stored: Stored, keys: list[ItemPageKey]
    ) -> None:
        stored.statements.clear()
        pages = await items_by_scope(stored.connection, keys)
        for key, page in zip(keys, pages, strict=True):
            rows = [row for row in stored.items if in_scope(row, key.scope)]
            nodes, has_next, has_previous = page_of(rows, item_place(key.field), key.window)
            assert list(page.nodes) == nodes
            assert (page.has_next_page, page.has_previous_page) == (has_next, has_previous)
        kinds = {(access_of(key.scope), key.field, key.window.ascending) for key in keys}
        assert len(stored.statements) == len(kinds)

    async def test_any_mix_of_parents_cursors_sizes_and_filters_takes_one_statement(
        self, stored: Stored
    ) -> None:
        order = ITEM_ORDERS[ItemOrderField.CREATED_AT, OrderDirection.ASC]
        keys = [
            ItemPageKey(
                ItemScope(
                    frozenset(ItemStatus) if owner % 2 else frozenset({ItemStatus.PUBLISHED}),
                    owner,
                    frozenset({"red"}) if owner % 3 == 0 else None,
                    "alpha" if owner % 5 == 0 else None,
                ),
                ItemOrderField.CREATED_AT,
                Window(order, size, False, Position(EPOCH, 60) if size else None, None),
            )
            for owner in range(1, 9)
            for size in (0, 1, 2, 100)
        ]
        pages = await items_by_scope(stored.connection, keys)
        assert len(stored.statements) == 1
        for key, page in zip(keys, pages, strict=True):
            rows = [row for row in stored.items if in_scope(row, key.scope)]
            assert list(page.nodes) == page_of(rows, item_place(key.field), key.window)[0]

    async def test_size_limits_each_parent_and_not_the_batch(self, stored: Stored) -> None:
        order = ITEM_ORDERS[ItemOrderField.TITLE, OrderDirection.DESC]
        keys = [
            ItemPageKey(
                ItemScope(frozenset(ItemStatus), owner),
                ItemOrderField.TITLE,
                Window(order, 2, False, None, None),
            )
            for owner in (1, 2, 3)
        ]
        pages = await items_by_scope(stored.connection, keys)
        assert [len(page.nodes) for page in pages] == [2, 2, 2]


class TestItemCountByScope:
    @SHARED_ROWS
    @given(keys=some.lists(scopes, min_size=1, max_size=20))
    async def test_each_scope_is_counted_alone(self, stored: Stored, keys: list[ItemScope]) -> None:
        stored.statements.clear()
        counts = await item_count_by_scope(stored.connection, keys)
        assert counts == [sum(in_scope(row, key) for row in stored.items) for key in keys]
        assert len(stored.statements) == len(set(map(access_of, keys)))


class TestItemCountByOwner:
    async def test_published_items_are_counted_in_key_order(self, stored: Stored) -> None:
        keys = [8, 3, 99, 1]
        published = [row.owner_id for row in stored.items if row.status is ItemStatus.PUBLISHED]
        counts = await item_count_by_owner(stored.connection, keys)
        assert counts == [published.count(key) for key in keys]
        assert counts[1] > 0
        assert len(stored.statements) == 1

    async def test_loader_counts_up_to_a_limit_beyond_which_the_field_counts_on(
        self, stored: Stored, api: Api
    ) -> None:
        for more, expected in ((MOST_COUNTED, MOST_COUNTED), (1, MOST_COUNTED + 1), (5, None)):
            await api.connection.execute(
                "INSERT INTO items (owner_id, title, status) "
                "SELECT 8, 'Many', 'PUBLISHED' FROM generate_series(1, $1)",
                more,
            )
            counts = await item_count_by_owner(stored.connection, [8, 7])
            assert counts == [MOST_COUNTED + 1 if expected is None else expected, 0]
        total = MOST_COUNTED + 6
        found = await api.data("{ users { nodes { name itemCount } } }")
        published = [row.owner_id for row in stored.items if row.status is ItemStatus.PUBLISHED]
        assert [user["itemCount"] for user in found["users"]["nodes"]] == [
            total if row.id == 8 else published.count(row.id) for row in stored.users
        ]


class TestItemById:
    async def test_rows_come_in_key_order_with_none_for_missing_ones(self, stored: Stored) -> None:
        rows = await item_by_id(stored.connection, [120, 999, 1])
        assert rows == [stored.items[119], None, stored.items[0]]
        assert len(stored.statements) == 1
