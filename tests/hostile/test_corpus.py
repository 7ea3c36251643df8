"""Hostile requests get documented error codes for little CPU; the server stays healthy."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from settings import Settings
from tests.hostile.corpus import CORPUS, MEGABYTE
from tests.processes import Process, serving
from tests.waiting import PATIENCE_SECONDS, soon
from weft.echo import MAX_MESSAGE

ERRORS = Path(__file__).parent.parent.parent / "docs" / "errors.md"
CPU_SECONDS = 1.0
GROWTH_BYTES = 150 * MEGABYTE


@pytest.fixture(scope="module")
async def process(settings: Settings) -> AsyncIterator[Process]:
    async with serving(settings) as process:
        yield process


class Watched:
    """A server process, with its CPU time and resident memory."""

    def __init__(self, process: Process, client: httpx.AsyncClient) -> None:
        self.url = process.url
        self.client = client
        self._process = psutil.Process(process.process.pid)

    @property
    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    @property
    def resident_bytes(self) -> int:
        return self._process.memory_info().rss

    async def is_healthy(self) -> bool:
        response = await self.client.post(self.url, json={"query": "{ items { totalCount } }"})
        return response.json()["data"]["items"]["totalCount"] >= 0


@pytest.fixture
async def watched(process: Process) -> AsyncIterator[Watched]:
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        yield Watched(process, client)


def codes_of(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer.get("errors", ())}


def messages_of(answer: dict[str, Any]) -> list[str]:
    return [error["message"] for error in answer.get("errors", ())]


@pytest.mark.parametrize("name", CORPUS)
async def test_hostile_request_gets_a_documented_error_within_a_second_of_cpu(
    name: str, watched: Watched
) -> None:
    hostile = CORPUS[name]
    body = hostile.body()
    headers = [("content-type", hostile.content_type), *hostile.headers]
    before = watched.cpu_seconds
    try:
        response = await watched.client.post(watched.url, content=body, headers=headers)
    except (httpx.WriteError, httpx.ReadError):
        assert len(body) > MEGABYTE  # the server has responded and closed before it read the body
    else:
        codes = codes_of(response.json())
        assert response.status_code < 500
        assert codes <= set(hostile.codes or ()), response.text[:1000]
        assert bool(codes) == (hostile.codes is not None)
        documented = ERRORS.read_text()
        assert all(f"`{code}`" in documented for code in codes)
        assert all(len(message) <= MAX_MESSAGE for message in messages_of(response.json()))
        assert len(response.content) < MEGABYTE
    assert await watched.is_healthy()
    assert watched.cpu_seconds - before < CPU_SECONDS


async def test_hostile_requests_leak_no_memory(watched: Watched) -> None:
    assert await watched.is_healthy()
    before = watched.resident_bytes
    for _ in range(2):
        for hostile in CORPUS.values():
            headers = [("content-type", hostile.content_type), *hostile.headers]
            body = hostile.body()
            if len(body) > MEGABYTE:
                continue
            await watched.client.post(watched.url, content=body, headers=headers)
    assert watched.resident_bytes - before < GROWTH_BYTES
    assert await watched.is_healthy()


async def test_very_long_body_is_not_kept_in_memory(watched: Watched) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * MEGABYTE

    before = watched.resident_bytes
    headers = {"content-type": "application/json"}
    try:
        response = await watched.client.post(watched.url, content=endless(), headers=headers)
        assert response.status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        pass
    assert watched.resident_bytes - before < 20 * MEGABYTE
    assert await watched.is_healthy()


async def test_slow_clients_delay_no_other_request(watched: Watched) -> None:
    host, port = watched.url.removeprefix("http://").removesuffix("/graphql").split(":")
    head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    connections = [await asyncio.open_connection(host, port) for _ in range(200)]
    for number, (_, writer) in enumerate(connections):
        writer.write(head + (b"content-length: 9\r\n\r\n{" if number % 2 else b""))
    assert await watched.is_healthy()
    for _, writer in connections:
        writer.close()


async def test_duplicate_content_lengths_are_400(watched: Watched) -> None:
    host, port = watched.url.removeprefix("http://").removesuffix("/graphql").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        b"content-length: 4\r\ncontent-length: 40\r\n\r\nnull"
    )
    assert (await soon(reader.readline())).startswith(b"HTTP/1.1 400")
    writer.close()
    assert await watched.is_healthy()


def test_corpus_body_is_json() -> None:
    assert json.loads(CORPUS["a wrong hash"].body())["query"]
