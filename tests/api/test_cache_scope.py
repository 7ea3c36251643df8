"""A value cached for one viewer never reaches another viewer who may not see it."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from app import Process, create_app
from db.accounts.user import Role, UserRow
from resolvers.context import STRANGER, Context, Info, Viewer
from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache.errors import ViewerRead
from weft.cache.field import cached
from weft.cache.policy import CachePolicy, CacheScope
from weft.cache.snapshot_bound import SnapshotBound
from weft.errors import DeclarationError

READS = [
    "nodes(ids: IDS) { ... on User { itemCount items { totalCount nodes { title status } } } }",
    "user(id: ID) { items(filter: {status: [DRAFT]}) { totalCount nodes { title } } }",
    "items { totalCount nodes { title status } pageInfo { endCursor } }",
    "items(filter: {status: [DRAFT, ARCHIVED], ownerId: ID}) { totalCount nodes { title } }",
    "users { totalCount nodes { name items(first: 1) { nodes { title status } } } }",
]
STATUSES = ["DRAFT", "PUBLISHED", "ARCHIVED"]
CREATE = """mutation ($status: ItemStatus) {
    createItem(input: {title: "One", status: $status}) { item { id } }
}"""
UPDATE = """mutation ($id: ID!, $status: ItemStatus) {
    updateItem(input: {id: $id, status: $status}) { errors { code } }
}"""
WHO = st.integers(0, 3)
TIMES = st.sampled_from([1, 1, 8])
"""How often a query is sent; 8 times suffice for a whole answer to be kept."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), WHO, st.integers(0, len(READS) - 1), WHO, TIMES),
        st.tuples(st.just("create"), st.integers(0, 2), st.sampled_from(STATUSES)),
        st.tuples(st.just("update"), st.integers(0, 9), st.sampled_from(STATUSES)),
    ),
    max_size=40,
)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch)


@pytest.fixture
async def uncached(api: Api) -> AsyncIterator[Api]:
    """A server without a cache on the same rows; the other started first, so it is the leader."""
    own = api.settings.model_copy(update={"cache": "off"})
    async with Api(create_app(own), own, api.connection, api.clock, []) as reference:
        yield reference


class TestViewers:
    @given(steps=STEPS)
    @example_settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_each_viewer_gets_what_a_server_without_a_cache_answers(
        self, api: Api, uncached: Api, steps: Sequence[tuple[Any, ...]]
    ) -> None:
        owners = [await api.user(f"Owner {number}") for number in range(2)]
        viewers: list[Member | None] = [*owners, await api.user(admin=True), None]
        writers = [viewer for viewer in viewers if viewer is not None]
        items: list[tuple[str, Member]] = []

        async def are_known() -> bool:
            """Rows written past the server are found by its relay a moment later."""
            text = "{ users(last: 3) { totalCount nodes { id } } }"
            return await api.data(text) == await uncached.data(text)

        await until(are_known)
        for step in steps:
            match step:
                case ("read", who, which, of, times):
                    selection = READS[which].replace("IDS", json.dumps([w.id for w in writers]))
                    selection = selection.replace("ID", json.dumps(writers[of % 3].id))
                    text = f"{{ {selection} }}"
                    for viewer in (*viewers[who:], *viewers[:who]):
                        expected = await uncached.data(text, by=viewer)
                        for _ in range(times):
                            assert await api.data(text, by=viewer) == expected
                case ("create", who, status):
                    made = await api.data(CREATE, {"status": status}, writers[who])
                    items.append((made["createItem"]["item"]["id"], writers[who]))
                case (_, place, status) if items:
                    id, writer = items[place % len(items)]
                    await api.data(UPDATE, {"id": id, "status": status}, writer)
                case _:
                    pass


async def reads_the_viewer(users: Sequence[UserRow], info: Info) -> list[int]:
    counts = await info.context.loaders.item_count_by_owner.load_many([u.id for u in users])
    return [count + 1 for count in counts if info.context.viewer]


PUBLIC = CachePolicy(
    ttl_seconds=300,
    scope=CacheScope.PUBLIC,
    tags=lambda key, _: (f"User:{key}.any",),
    value_type=int,
)


class TestPublicField:
    @pytest.mark.parametrize("environment", ["test", "production"])
    async def test_public_field_that_reads_the_viewer_fails_in_tests_and_is_never_stored(
        self, settings: Settings, api: Api, environment: str
    ) -> None:
        own = settings.model_copy(update={"environment": environment})
        user = UserRow((await api.user()).key, "", "", None, api.clock())  # pyright: ignore
        server = Process(own, api.clock, lambda sql, seconds: None)
        resolve = cached(reads_the_viewer, PUBLIC)
        async with server.lifespan(FastAPI()):
            info = Info(Context(server.services, STRANGER, ""), "User.any")
            assert server.cache is not None
            assert server.filler is not None
            if environment == "test":
                with pytest.raises(ViewerRead):
                    await resolve([user], info)
                return
            while server.cache.counts.fields["User.any"].misses < 3:
                assert await resolve([user], info) == [1]
                await server.filler.settle()
            assert server.cache.counts.fields["User.any"].hits == 0

    async def test_viewer_of_a_cached_field_has_no_session(self, api: Api) -> None:
        """Cached values of a viewer are used for all sessions of that user."""
        server = Process(api.settings, api.clock, lambda sql, seconds: None)
        context = Context(server.services, Viewer(1, Role.ADMIN, 7), "")
        isolated = context.isolated(SnapshotBound(None), public=False)
        assert isolated.viewer == Viewer(1, Role.ADMIN)
        assert isolated.viewer_key == context.viewer_key
        server.passwords.close()

    def test_public_policy_cannot_depend_on_the_viewer(self) -> None:
        with pytest.raises(DeclarationError):
            CachePolicy(
                ttl_seconds=1,
                scope=CacheScope.PUBLIC,
                tags=lambda key, _: ("A:1.b",),
                seen_as=lambda viewer, _: Viewer(),
            )
