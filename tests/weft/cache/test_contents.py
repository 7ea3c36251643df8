"""What `weft cache` shows and drops, also from what processes remember."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import pytest

from app import open_cache
from settings import Settings
from tests.api import Api, Member
from tests.processes import WEFT
from weft.cache.contents import CacheContents

CREATE = 'mutation { createItem(input: {title: "One", status: PUBLISHED}) { item { id } } }'
READ = "query ($id: ID!) { user(id: $id) { itemCount items { totalCount } } items { totalCount } }"
PATIENCE_SECONDS = 10


@pytest.fixture
def settings(settings: Settings) -> Settings:
    own_prefix = f"{settings.redis_prefix}-{secrets.token_hex(4)}"
    return settings.model_copy(update={"cache": "available", "redis_prefix": own_prefix})


@pytest.fixture
async def contents(settings: Settings) -> AsyncIterator[CacheContents]:
    opened = await open_cache(settings)
    yield opened
    await opened.aclose()


async def statements_of_a_read(api: Api, owner: Member) -> list[str]:
    api.statements.clear()
    await api.data(READ, {"id": owner.id})
    return [sql for sql in api.statements if "count(" in sql]


async def filled(api: Api, contents: CacheContents) -> Member:
    """Somebody whose fields are all in Redis and in this process, and only confirmed by now."""
    owner = await api.user()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await statements_of_a_read(api, owner) or len(await contents.fields()) < 3:  # noqa: ASYNC110 - the filler is at work
            await asyncio.sleep(0.01)
    for _ in range(9):
        assert await statements_of_a_read(api, owner) == []
    return owner


class TestContents:
    async def test_are_counted_by_field(self, api: Api, contents: CacheContents) -> None:
        await filled(api, contents)
        fields = await contents.fields()
        assert {name: field.values for name, field in fields.items()} == {
            "ItemConnection.totalCount": 2,
            "User.itemCount": 1,
            "User.items": 1,
        }
        assert all(field.bytes > 20 for field in fields.values())

    async def test_are_shown_with_whom_they_are_for_and_what_was_written_since(
        self, api: Api, contents: CacheContents
    ) -> None:
        owner = await filled(api, contents)
        (value,) = await contents.values("User.itemCount", 9)
        assert (value.key, value.viewer, value.value) == (f"User:{owner.key} {owner.key}", "", "0")
        assert "itemCount" not in value.written_since
        assert 0 <= value.age_seconds < 300 >= value.expires_seconds > 0
        (page,) = await contents.values("User.items", 9)
        assert page.viewer == "None-MEMBER"
        await api.data(
            'mutation { createItem(input: {title: "One", status: PUBLISHED}) { item { id } } }',
            by=owner,
        )
        (value,) = await contents.values("User.itemCount", 9)
        assert "itemCount" in value.written_since

    async def test_of_a_field_are_dropped_wherever_they_are(
        self, api: Api, contents: CacheContents
    ) -> None:
        owner = await filled(api, contents)
        assert await contents.drop("User.itemCount") == 1
        assert "User.itemCount" not in await contents.fields()
        assert "ItemConnection.totalCount" in await contents.fields()
        assert await statements_of_a_read(api, owner)

    async def test_are_all_dropped(self, api: Api, contents: CacheContents) -> None:
        owner = await filled(api, contents)
        assert await contents.drop() == 4
        assert await contents.fields() == {}
        assert len(await statements_of_a_read(api, owner)) == 3


class TestCommand:
    async def test_lists_shows_and_drops(self, api: Api, contents: CacheContents) -> None:
        await filled(api, contents)
        given = {
            name.upper(): str(getattr(api.settings, name))
            for name in ("database_url", "redis_url", "redis_prefix")
        }

        async def weft(*arguments: str) -> str:
            process = await asyncio.create_subprocess_exec(
                *(WEFT, "cache", *arguments),
                env=os.environ | given,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            return (await process.communicate())[0].decode()

        assert "User.itemCount" in await weft("fields")
        assert "s left  0" in await weft("values", "User.itemCount")
        assert await weft("drop") == "Name a field, or say --all.\n"
        assert await weft("drop", "User.itemCount") == "1 values dropped.\n"
        assert await weft("drop", "--all") == "3 values dropped.\n"
        assert await contents.fields() == {}
