"""Runs programs on Node, and installs the npm packages that they need."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.waiting import soon

PACKAGES = (
    "eventsource@5.1.5",
    "graphql@16.11.0",
    "graphql-sse@2.6.1",
    "graphql-ws@6.4.2",
    "ws@8.23.0",
)
INSTALL_SECONDS = 120


def installed_packages() -> Path | None:
    """Returns the directory of the packages, installed once per machine; None if that fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    versions = "-".join(package.rpartition("@")[2] for package in PACKAGES)
    directory = Path(tempfile.gettempdir()) / f"weft-npm-{versions}"
    if not directory.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="weft-npm-unfinished-"))
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES]
        try:
            subprocess.run(
                command, cwd=unfinished, check=True, timeout=INSTALL_SECONDS, capture_output=True
            )
        except (subprocess.SubprocessError, OSError):
            return None
        with suppress(OSError):  # another test run has installed them meanwhile
            unfinished.rename(directory)
    return directory


@asynccontextmanager
async def told_by(
    script: Path, packages: Path, **options: Any
) -> AsyncGenerator[asyncio.StreamReader]:
    """Runs a script with `options` on its stdin; gives its stdout until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(script)),
        env=os.environ | {"MODULES": str(packages)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(options).encode() + b"\n")
    try:
        yield process.stdout
    finally:
        # A script blocked on unread output would not notice the end of its stdin.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line(output: asyncio.StreamReader) -> str:
    """Returns the next line; empty at the end."""
    return (await soon(output.readline())).decode().strip()
