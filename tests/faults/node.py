"""The graphql-ws client of npm, where Node is installed and npm has its registry."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.subscribers import QUERY, position_of

PACKAGES = ("graphql-ws@6.0.6", "graphql@16.11.0", "ws@8.18.3")
SCRIPT = Path(__file__).with_name("subscribers.mjs")
INSTALL_SECONDS = 60


def installed_packages() -> Path | None:
    """The directory with the packages, installed once a machine; None where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    directory = Path(tempfile.gettempdir()) / f"weft-npm-{PACKAGES[0].rpartition('@')[2]}"
    if not (directory / "node_modules/graphql-ws").exists():
        directory.mkdir(exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES]
        try:
            subprocess.run(
                command, cwd=directory, check=True, timeout=INSTALL_SECONDS, capture_output=True
            )
        except (subprocess.SubprocessError, OSError):
            return None
    return directory


class NodeSubscribers:
    """What each of them has heard: positions, in the order of arrival."""

    def __init__(self, count: int) -> None:
        self.heard: list[list[int]] = [[] for _ in range(count)]
        self.errors: list[str] = []

    async def read(self, output: asyncio.StreamReader) -> None:
        while line := (await output.readline()).decode():
            number, _, told = line.strip().partition(" ")
            if told.startswith("ERROR"):
                self.errors.append(line)
            else:
                self.heard[int(number)].append(position_of(told))


@asynccontextmanager
async def node_subscribers(
    packages: Path, urls: Sequence[str], count: int, after: str
) -> AsyncGenerator[NodeSubscribers]:
    subscribers = NodeSubscribers(count)
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT)),
        env={"MODULES": str(packages), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    options = {"urls": list(urls), "count": count, "after": after, "query": QUERY}
    process.stdin.write(json.dumps(options).encode() + b"\n")
    reading = asyncio.create_task(subscribers.read(process.stdout))
    try:
        yield subscribers
    finally:
        process.stdin.close()
        await process.wait()
        await reading
