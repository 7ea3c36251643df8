"""Writes of a session with `session_replication_role = replica`, where triggers do not fire."""

import pytest

from settings import Settings
from tests.client import Api
from tests.live import change, subscribed
from tests.weft.cache.settings import with_cache
from weft.declare.identity import encode_id


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        ("UPDATE items SET title = 'new'", "UPDATED"),
        ("DELETE FROM items", "DELETED"),
        ("TRUNCATE items", "DELETED"),
    ],
)
async def test_replicated_writes_are_events(api: Api, url: str, write: str, kind: str) -> None:
    await api.item(await api.user())
    async with subscribed(url) as socket:
        await api.connection.execute(
            f"SET session_replication_role = replica; {write};"
            " SET session_replication_role = DEFAULT"
        )
        told = await change(socket)
        if told["kind"] == "CREATED":  # the event of the INSERT may arrive after the subscription
            told = await change(socket)
    assert (told["kind"], told["id"]) == (kind, encode_id("Item", 1))
