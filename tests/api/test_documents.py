"""Persisted documents in the whole server: over HTTP and sockets, shared and trusted."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app import create_app
from settings import Settings
from tests.client import Api, Clock
from tests.processes import WEFT, environment_of
from tests.sockets import address_of, connecting, listening
from tests.waiting import PATIENCE_SECONDS

TEXT = "query Count($first: Int = 3) { items(first: $first) { totalCount } }"
HASH = sha256(TEXT.encode()).hexdigest()
EXTENSIONS = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
COUNTED = {"items": {"totalCount": 0}}
GRAPHQL = "application/graphql-response+json"


@pytest.fixture(autouse=True)
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """Redis, with all shared documents deleted."""
    assert settings.redis_url is not None
    async with Redis.from_url(settings.redis_url) as redis:
        for key in await redis.keys(f"{settings.redis_prefix}:document*"):
            await redis.delete(key)
        yield redis


async def post(api: Api, **body: Any) -> httpx.Response:
    return await api.http.post("/graphql", json=body, headers={"accept": GRAPHQL})


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return error["extensions"]["code"]


async def registered(connection: asyncpg.Connection, id_: str = "a-name", text: str = TEXT) -> str:
    await connection.execute("INSERT INTO documents (id, text) VALUES ($1, $2)", id_, text)
    return id_


class TestBySha256:
    async def test_text_has_to_be_sent_only_once(self, api: Api) -> None:
        first = await post(api, extensions=EXTENSIONS)
        assert (first.status_code, code(first)) == (400, "PERSISTED_QUERY_NOT_FOUND")
        assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        assert (await post(api, query=TEXT, extensions=EXTENSIONS)).json()["data"] == COUNTED
        assert (await post(api, extensions=EXTENSIONS)).json()["data"] == COUNTED
        by_id = await post(api, documentId=f"sha256:{HASH}", variables={"first": 1})
        assert by_id.json()["data"] == COUNTED

    async def test_document_sent_to_one_process_is_known_to_others(
        self, api: Api, settings: Settings
    ) -> None:
        await post(api, query=TEXT, extensions=EXTENSIONS)
        async with Api(create_app(settings), settings, api.connection, api.clock, []) as other:
            assert (await post(other, extensions=EXTENSIONS)).json()["data"] == COUNTED

    async def test_hash_of_another_text_is_refused(self, api: Api) -> None:
        wrong = await post(api, query=TEXT + " ", extensions=EXTENSIONS)
        assert (wrong.status_code, code(wrong)) == (400, "PERSISTED_QUERY_HASH_MISMATCH")

    async def test_invalid_document_is_not_stored(self, api: Api, redis: Redis) -> None:
        text = "{ nothing }"
        extensions = {
            "persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}
        }
        await post(api, query=text, extensions=extensions)
        assert code(await post(api, extensions=extensions)) == "PERSISTED_QUERY_NOT_FOUND"
        assert await redis.keys(f"{api.settings.redis_prefix}:document*") == []

    @pytest.mark.parametrize(
        "persisted", [7, {}, {"version": 2, "sha256Hash": HASH}, {"version": 1, "sha256Hash": 7}]
    )
    async def test_malformed_persisted_query_is_refused(self, api: Api, persisted: object) -> None:
        assert code(await post(api, extensions={"persistedQuery": persisted})) == "BAD_REQUEST"

    async def test_documents_beyond_the_limit_are_evicted(
        self, connection: asyncpg.Connection, settings: Settings, redis: Redis
    ) -> None:
        few = settings.model_copy(update={"documents_shared": 3})
        api = Api(create_app(few), few, connection, Clock(), [])
        async with api:
            for number in range(10):
                text = f"{{ a{number}: __typename }}"
                hash_ = sha256(text.encode()).hexdigest()
                extensions = {"persistedQuery": {"version": 1, "sha256Hash": hash_}}
                await post(api, query=text, extensions=extensions)
        assert len(await redis.keys(f"{settings.redis_prefix}:document:*")) == 3
        assert await redis.zcard(f"{settings.redis_prefix}:documents") == 3

    async def test_hash_works_over_a_socket(self, api: Api) -> None:
        async with (
            listening(api.app) as server,
            connecting(f"ws://{address_of(server)}/graphql") as socket,
        ):
            await socket.open()
            await socket.send("subscribe", id="1", payload={"extensions": EXTENSIONS})
            refused = await socket.receive()
            assert refused["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
            await socket.subscribe("2", TEXT, extensions=EXTENSIONS)
            assert (await socket.receive())["payload"]["data"] == COUNTED
            await socket.receive()
            await socket.send("subscribe", id="3", payload={"extensions": EXTENSIONS})
            assert (await socket.receive())["payload"]["data"] == COUNTED


class TestWithoutRedis:
    async def test_text_is_executed_without_redis(
        self, connection: asyncpg.Connection, settings: Settings
    ) -> None:
        alone = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0", "cache": "off"})
        async with Api(create_app(alone), alone, connection, Clock(), []) as api:
            assert (await post(api, query=TEXT, extensions=EXTENSIONS)).json()["data"] == COUNTED
            unknown = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
            assert code(await post(api, extensions=unknown)) == "PERSISTED_QUERY_NOT_FOUND"


class TestTrusted:
    @pytest.fixture
    async def trusting(
        self, connection: asyncpg.Connection, settings: Settings
    ) -> AsyncIterator[Api]:
        trusted = settings.model_copy(update={"documents": "trusted"})
        async with Api(create_app(trusted), trusted, connection, Clock(), []) as api:
            yield api

    async def test_registered_document_is_executed(
        self, trusting: Api, connection: asyncpg.Connection
    ) -> None:
        id_ = await registered(connection)
        assert (await post(trusting, documentId=id_)).json()["data"] == COUNTED
        persisted = {"persistedQuery": {"version": 1, "sha256Hash": id_}}
        assert (await post(trusting, extensions=persisted)).json()["data"] == COUNTED

    async def test_text_is_refused_even_if_it_is_registered(
        self, trusting: Api, connection: asyncpg.Connection
    ) -> None:
        await registered(connection, HASH)
        for body in ({"query": TEXT}, {"query": TEXT, "extensions": EXTENSIONS}):
            refused = await post(trusting, **body)
            assert (refused.status_code, code(refused)) == (400, "DOCUMENT_NOT_TRUSTED")

    async def test_shared_document_that_is_not_registered_is_unknown(
        self, trusting: Api, redis: Redis
    ) -> None:
        await redis.set(f"{trusting.settings.redis_prefix}:document:{HASH}", TEXT)
        assert code(await post(trusting, extensions=EXTENSIONS)) == "PERSISTED_QUERY_NOT_FOUND"

    async def test_text_is_refused_on_sockets_too(
        self, trusting: Api, connection: asyncpg.Connection
    ) -> None:
        id_ = await registered(connection)
        async with (
            listening(trusting.app) as server,
            connecting(f"ws://{address_of(server)}/graphql") as socket,
        ):
            await socket.open()
            await socket.subscribe("1", "subscription { itemChanged { kind } }")
            refused = await socket.receive()
            assert refused["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
            await socket.send("subscribe", id="2", payload={"documentId": id_})
            assert (await socket.receive())["payload"]["data"] == COUNTED


class TestGet:
    async def test_get_of_a_registered_document_is_publicly_cacheable(
        self, api: Api, connection: asyncpg.Connection
    ) -> None:
        params = {"documentId": await registered(connection)}
        first = await api.http.get("/graphql", params=params)
        assert first.headers["cache-control"] == "public, max-age=0, must-revalidate"
        assert first.headers["vary"] == "accept, authorization, cookie"
        tag = first.headers["etag"]
        for given in (tag, f'"other", W/{tag}', "*"):
            again = await api.http.get("/graphql", params=params, headers={"if-none-match": given})
            assert (again.status_code, again.content) == (304, b"")
            assert "content-length" not in again.headers
            assert again.headers["etag"] == tag
        await api.item(await api.user())
        changed = await api.http.get("/graphql", params=params, headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag

    async def test_other_requests_are_not_cacheable(
        self, api: Api, connection: asyncpg.Connection
    ) -> None:
        id_ = await registered(connection)
        user = await api.user()
        viewers = {"authorization": f"Bearer {user.token}"}
        answers = [
            await api.http.get("/graphql", params={"documentId": id_}, headers=viewers),
            await api.http.get("/graphql", params={"documentId": id_}, headers={"cookie": "a=b"}),
            await api.http.get("/graphql", params={"query": TEXT}),
            await api.http.get("/graphql", params={"documentId": "unknown"}),
            await api.http.post("/graphql", json={"documentId": id_}),
        ]
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers

    async def test_get_of_a_mutation_is_refused(
        self, api: Api, connection: asyncpg.Connection
    ) -> None:
        id_ = await registered(connection, text="mutation { signOut { signedOut } }")
        answer = await api.http.get("/graphql", params={"documentId": id_})
        assert answer.status_code == 405


class TestCommand:
    def add(self, settings: Settings, manifest: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [WEFT, "documents", "add", str(manifest)],
            env=environment_of(settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    async def test_command_registers_a_manifest_once(
        self, api: Api, settings: Settings, tmp_path: Path
    ) -> None:
        manifest = tmp_path / "persisted.json"
        manifest.write_text(json.dumps({HASH: TEXT}))
        first = await asyncio.to_thread(self.add, settings, manifest)
        assert first.stdout == "1 documents are new, 0 were registered before.\n", first.stderr
        second = await asyncio.to_thread(self.add, settings, manifest)
        assert second.stdout == "0 documents are new, 1 were registered before.\n"
        assert (await post(api, extensions=EXTENSIONS)).json()["data"] == COUNTED

    async def test_command_registers_nothing_if_a_document_is_invalid(
        self, connection: asyncpg.Connection, settings: Settings, tmp_path: Path
    ) -> None:
        manifest = tmp_path / "persisted.json"
        manifest.write_text(json.dumps({HASH: TEXT, "wrong": "{ nothing }"}))
        told = await asyncio.to_thread(self.add, settings, manifest)
        assert told.returncode == 1
        assert told.stderr == "wrong: Cannot query field 'nothing' on type 'Query'.\n"
        assert await connection.fetchval("SELECT count(*) FROM documents") == 0
