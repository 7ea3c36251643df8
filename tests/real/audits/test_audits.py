"""Runs all server audits of npm's `graphql-http`, which test GraphQL over HTTP.

`make test-real` installs the package if there is npm; without it the test is skipped.
"""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.client import Api
from tests.sockets import address_of, listening
from tests.waiting import soon

FOLDER = Path(__file__).parent
AUDITS = 61

MISSING = not (FOLDER / "node_modules").exists() or shutil.which("node") is None


@pytest.mark.skipif(MISSING, reason="THE AUDITS DID NOT RUN: they need Node, npm and its registry")
async def test_every_audit_passes(api: Api) -> None:
    async with listening(api.app) as server:
        process = await asyncio.create_subprocess_exec(
            *("node", "audits.mjs", f"http://{address_of(server)}/graphql"),
            cwd=FOLDER,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await soon(process.communicate())
    results = json.loads(printed)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == AUDITS
