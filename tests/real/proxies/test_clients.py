"""Real clients that offer HTTP/2 in every request by http://: curl's and Java's."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.real.proxies.site import VIEWER, Person, Site
from tests.real.proxies.wire import operation
from tests.waiting import PATIENCE_SECONDS, soon

JAVA_CLIENT = Path(__file__).parent / "Client.java"
REQUESTS_OF_JAVA = 4
FACTS = r"\n%{http_code} %{http_version} %{num_connects}\n"
"""The status, the version, and the number of connections opened for this request."""


def found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program.upper()} WAS NOT TRIED: it is not on this machine")
    return path


async def lines_of(*command: str, given: bytes = b"") -> list[str]:
    """Runs the program; returns the lines of its output, and fails if it ends with an error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await soon(process.communicate(given))
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()


def answered(person: Person) -> dict[str, object]:
    return {"data": {"viewer": {"name": person.name}}, "extensions": {"cost": 2}}


class TestCurl:
    async def curl(self, site: Site, *options: str, given: bytes = b"") -> list[str]:
        """Runs one curl with two requests; returns the response and `FACTS` of each."""
        return await lines_of(
            *(found("curl"), "--http2", "--silent", "--max-time", str(PATIENCE_SECONDS)),
            *("--header", "Content-Type: application/json", "--write-out", FACTS),
            *("--header", f"Authorization: Bearer {site.honest[0].token}"),
            *options,
            given=given,
        )

    def assert_answered(self, site: Site, lines: list[str]) -> None:
        bodies, facts = lines[::2], lines[1::2]
        assert [json.loads(body) for body in bodies] == [answered(site.honest[0])] * 2
        assert facts == ["200 1.1 1", "200 1.1 0"]

    async def test_operation_is_answered(self, site: Site) -> None:
        body = operation(VIEWER).decode()
        self.assert_answered(site, await self.curl(site, "--data", body, site.url, site.url))

    async def test_query_by_get_is_answered(self, site: Site) -> None:
        url = f"{site.url}?query=%7Bviewer%7Bname%7D%7D"
        self.assert_answered(site, await self.curl(site, url, url))

    @pytest.mark.parametrize("header", ["Accept: */*", "Expect: 100-continue"])
    async def test_large_body_is_read(self, site: Site, header: str) -> None:
        body = b" " * 100_000 + operation(VIEWER)
        options = ("--header", header, "--data-binary", "@-", site.url, site.url)
        self.assert_answered(site, await self.curl(site, *options, given=body))


class TestJava:
    async def test_every_request_is_answered(self, site: Site) -> None:
        tokens = [person.token for person in site.honest]
        lines = await lines_of(found("java"), str(JAVA_CLIENT), site.url, *tokens)
        parts = [line.split(" ", 2) for line in lines]
        assert [part[:2] for part in parts] == [["200", "HTTP_1_1"]] * len(lines)
        assert [json.loads(body) for _, _, body in parts] == [
            answered(person) for person in site.honest for _ in range(REQUESTS_OF_JAVA)
        ]
