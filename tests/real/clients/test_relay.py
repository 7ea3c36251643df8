"""The Relay compiler accepts the schema, and Relay's runtime the server's responses.

`make test-real` installs both if there is npm; without them the tests are skipped.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.client import Api, Member
from tests.real.clients.node import line, told_by
from tests.sockets import address_of
from tests.waiting import PATIENCE_SECONDS

FOLDER = Path(__file__).with_name("relay")
PACKAGES = FOLDER / "node_modules"
SCHEMA = Path(__file__).parents[3] / "schema" / "schema.graphql"

pytestmark = pytest.mark.skipif(
    not PACKAGES.exists() or shutil.which("node") is None,
    reason="RELAY DID NOT RUN: it needs Node, npm and its registry",
)


def compiled(folder: Path, schema: str) -> tuple[Path, str]:
    """Runs the compiler; returns the directory of the artifacts, and its errors, or ""."""
    (folder / "schema.graphql").write_text(schema)
    for name in ("documents.js", "relay.config.json"):
        shutil.copy(FOLDER / name, folder)
    artifacts = folder / "__generated__"
    artifacts.mkdir()
    done = subprocess.run(
        ["node", PACKAGES / "relay-compiler" / "cli.js"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return artifacts, "" if done.returncode == 0 else done.stdout + done.stderr


class TestCompiler:
    def test_compiler_accepts_the_schema(self, tmp_path: Path) -> None:
        artifacts, complaints = compiled(tmp_path, SCHEMA.read_text())
        assert complaints == ""
        assert (artifacts / "documentsItemsPageQuery.graphql.js").exists()

    @pytest.mark.parametrize(
        ("here", "broken"),
        [
            ("  hasNextPage: Boolean!", "  hasNext: Boolean!"),
            ('  cursor: String!\n\n  """The item."""', "  position: String!\n"),
            ("  deletedId: ID\n", "  deletedId: String\n"),
            ("  node(\n", "  object(\n"),
        ],
    )
    def test_compiler_refuses_a_schema_that_breaks_relays_rules(
        self, tmp_path: Path, here: str, broken: str
    ) -> None:
        schema = SCHEMA.read_text()
        assert here in schema
        assert compiled(tmp_path, schema.replace(here, broken))[1] != ""


class TestRuntime:
    async def test_runtime_pages_refetches_writes_and_subscribes(
        self, api: Api, server: uvicorn.Server, tmp_path: Path
    ) -> None:
        owner = await api.user()
        for title in "ABCDE":
            await api.item(owner, title)
        artifacts, complaints = await asyncio.to_thread(compiled, tmp_path, SCHEMA.read_text())
        assert complaints == ""
        told = await _told(artifacts, server, owner)
        assert told == [
            ["page", ["A", "B"]],
            ["page", ["A", "B", "C", "D"]],
            ["page", ["A", "B", "C", "D", "E"]],
            ["owner", {"name": "Ada", "itemCount": 5}],
            ["last page", ["C", "D", "E"]],
            ["last pages", [["A", "B", "C", "D", "E"], False]],
            ["created", ["New", "A", "B", "C", "D", "E"]],
            ["refetched", ["Refetched", 1]],
            ["heard", "Heard"],
            ["deleted", ["A", "B", "C", "D", "E"]],
        ]


async def _told(artifacts: Path, server: uvicorn.Server, owner: Member) -> list[Any]:
    async with told_by(
        FOLDER / "store.mjs",
        FOLDER,
        artifacts=str(artifacts),
        url=f"http://{address_of(server)}/graphql",
        token=owner.token,
        owner=owner.id,
    ) as output:
        told: list[Any] = []
        while words := await line(output):
            told.append(json.loads(words))
    return told
