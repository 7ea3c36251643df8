"""What `weft cache` shows, and drops from Redis and from the memory of processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from typer.testing import CliRunner

from settings import Settings
from tests.client import Api, Member
from tests.processes import WEFT, environment_of
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache.command import cache_commands
from weft.cache.contents import CacheContents, open_contents

CREATE = 'mutation { createItem(input: {title: "One", status: PUBLISHED}) { item { id } } }'
READ = "query ($id: ID!) { user(id: $id) { itemCount items { totalCount } } items { totalCount } }"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch)


@pytest.fixture
async def contents(settings: Settings) -> AsyncIterator[CacheContents]:
    opened = await open_contents(str(settings.redis_url), settings.redis_prefix)
    yield opened
    await opened.aclose()


async def statements_of_a_read(api: Api, owner: Member) -> list[str]:
    api.statements.clear()
    await api.data(READ, {"id": owner.id})
    return [sql for sql in api.statements if "count(" in sql]


async def filled(api: Api, contents: CacheContents) -> Member:
    """Returns a user whose fields are all in Redis and in this process, where reads hit them."""
    owner = await api.user()

    async def is_filled() -> bool:
        return not await statements_of_a_read(api, owner) and len(await contents.fields()) == 3

    await until(is_filled)
    for _ in range(9):
        assert await statements_of_a_read(api, owner) == []
    return owner


class TestContents:
    async def test_values_are_counted_by_field(self, api: Api, contents: CacheContents) -> None:
        await filled(api, contents)
        fields = await contents.fields()
        assert {name: field.values for name, field in fields.items()} == {
            "ItemConnection.totalCount": 2,
            "User.itemCount": 1,
            "User.items": 1,
        }
        assert all(field.bytes > 20 for field in fields.values())

    async def test_values_are_shown_with_their_viewer_and_the_tags_written_since(
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

    async def test_values_of_a_field_are_dropped_from_redis_and_from_processes(
        self, api: Api, contents: CacheContents
    ) -> None:
        owner = await filled(api, contents)
        assert await contents.drop("User.itemCount") == 1
        assert "User.itemCount" not in await contents.fields()
        assert "ItemConnection.totalCount" in await contents.fields()
        assert await statements_of_a_read(api, owner)

    async def test_all_values_are_dropped(self, api: Api, contents: CacheContents) -> None:
        owner = await filled(api, contents)
        assert await contents.drop() == 4
        assert await contents.fields() == {}
        assert len(await statements_of_a_read(api, owner)) == 3


class TestCommand:
    async def test_command_lists_shows_and_drops(self, api: Api, contents: CacheContents) -> None:
        await filled(api, contents)

        def run(work: Callable[[CacheContents], Awaitable[Any]]) -> Any:
            async def with_contents() -> Any:
                async with aclosing(
                    await open_contents(str(api.settings.redis_url), api.settings.redis_prefix)
                ) as opened:
                    return await work(opened)

            return asyncio.run(with_contents())

        async def weft_cache(*arguments: str) -> str:
            commands = cache_commands(run)
            return (await asyncio.to_thread(CliRunner().invoke, commands, arguments)).output

        assert "User.itemCount" in await weft_cache("fields")
        assert "s left  0" in await weft_cache("values", "User.itemCount")
        assert await weft_cache("drop") == "Name a field, or say --all.\n"
        assert await weft_cache("drop", "User.itemCount") == "1 values dropped.\n"
        assert await weft_cache("drop", "--all") == "3 values dropped.\n"
        assert await contents.fields() == {}

    async def test_weft_has_the_command_cache(self, api: Api, contents: CacheContents) -> None:
        await filled(api, contents)
        process = await asyncio.create_subprocess_exec(
            *(WEFT, "cache", "fields"),
            env=environment_of(api.settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert b"User.itemCount" in (await process.communicate())[0]
