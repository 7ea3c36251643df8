import hypothesis.strategies as some
from hypothesis import given

from db.accounts.user import UserRow
from loaders.accounts.user import (
    UserPageKey,
    UserScope,
    user_by_id,
    user_count_by_scope,
    users_by_scope,
)
from resolvers.accounts.user import USER_ORDER
from tests.loaders.conftest import Stored
from tests.loaders.oracle import page_of
from tests.loaders.test_item import SHARED_ROWS, windows
from weft.declare.pagination import Position

scopes = some.builds(
    UserScope, some.none() | some.sampled_from(["ada", "Ada Byron", "lovelace", "nobody", "-ada"])
)
positions = some.none() | some.integers(0, 10).map(lambda key: Position(key, key))
page_keys = some.builds(UserPageKey, scopes, windows(USER_ORDER, positions))


def in_scope(row: UserRow, scope: UserScope) -> bool:
    words = row.name.lower().split()
    asked = (scope.search or "").lower().split()
    return all((word[1:] not in words) if word[0] == "-" else word in words for word in asked)


class TestUsersByScope:
    @SHARED_ROWS
    @given(keys=some.lists(page_keys, min_size=1, max_size=20))
    async def test_each_key_gets_the_page_that_it_would_get_alone(
        self, stored: Stored, keys: list[UserPageKey]
    ) -> None:
        stored.statements.clear()
        pages = await users_by_scope(stored.connection, keys)
        for key, page in zip(keys, pages, strict=True):
            rows = [row for row in stored.users if in_scope(row, key.scope)]
            nodes, has_next, has_previous = page_of(rows, lambda row: (row.id, row.id), key.window)
            assert list(page.nodes) == nodes
            assert (page.has_next_page, page.has_previous_page) == (has_next, has_previous)
        kinds = {(key.scope.search is not None, key.window.ascending) for key in keys}
        assert len(stored.statements) == len(kinds)


class TestUserCountByScope:
    @SHARED_ROWS
    @given(keys=some.lists(scopes, min_size=1, max_size=20))
    async def test_each_scope_is_counted_alone(self, stored: Stored, keys: list[UserScope]) -> None:
        stored.statements.clear()
        counts = await user_count_by_scope(stored.connection, keys)
        assert counts == [sum(in_scope(row, key) for row in stored.users) for key in keys]
        assert len(stored.statements) == len({key.search is not None for key in keys})


class TestUserById:
    async def test_rows_come_in_key_order_with_none_for_missing_ones(self, stored: Stored) -> None:
        assert await user_by_id(stored.connection, [8, 99, 1]) == [
            stored.users[7],
            None,
            stored.users[0],
        ]
        assert len(stored.statements) == 1
