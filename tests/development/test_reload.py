"""`weft run --reload` in a copy of the checkout: saved files are served, Ctrl-C ends all."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Generator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from development.reload import LIBRARIES
from settings import Settings
from tests.leaks import server_log
from tests.processes import environment_of
from tests.waiting import PATIENCE_SECONDS, until

CHECKOUT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-c", "import cli; cli.main()", "run", "--reload", "--port", "0")
EDITED = "resolvers/accounts/user.py"
DESCRIPTION = "The signed-in user, or null."
SAVED_NS = 1_800_000_000 * 10**9
QUERY = '{ __type(name: "Query") { fields { name description } } }'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Returns a folder with a copy of the whole package that only this test reads."""
    project: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]:
        if (CHECKOUT / name).is_dir():
            compiled = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=compiled)
        else:
            shutil.copy(CHECKOUT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def reloading(copy: Path, settings: Settings) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Yields the command, in a session of its own as from a terminal, and the URL it serves."""
    with (
        server_log() as log,
        subprocess.Popen(
            COMMAND,
            cwd=copy,
            env=environment_of(settings) | {"PYTHONPATH": str(copy)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = (re.search(r"http://\S+/graphql", line) for line in process.stdout)
            yield process, next(found[0] for found in lines if found)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


async def description(url: str) -> str | None:
    """Returns the description of `Query.viewer`; None while no server answers."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        with suppress(httpx.TransportError):
            answer = await client.post(url, json={"query": QUERY})
            fields = answer.json()["data"]["__type"]["fields"]
            return next(each["description"] for each in fields if each["name"] == "viewer")
    return None


@pytest.mark.parametrize("name", LIBRARIES)
def test_library_that_the_fork_server_imports_exists(name: str) -> None:
    assert find_spec(name)


async def test_saved_files_are_served_until_ctrl_c_ends_every_process(
    reloading: tuple[subprocess.Popen[str], str], copy: Path
) -> None:
    process, url = reloading
    edited = copy / EDITED
    text = edited.read_text()

    async def is_served(told: str) -> None:
        async def holds() -> bool:
            return await description(url) == told

        await until(holds)

    await is_served(DESCRIPTION)
    # Equal length and second, by which Python takes a compiled module for that of its source.
    for number, told in enumerate(("The signed-in user: one.", "The signed-in user: two.")):
        save(edited, text.replace(DESCRIPTION, told), number)
        await is_served(told)
    save(edited, "This is no Python.", 2)
    await until(lambda: not serving_children(process))
    save(edited, text, 3)
    await is_served(DESCRIPTION)

    begun = psutil.Process(process.pid).children(recursive=True)
    assert begun
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 0
    _, alive = psutil.wait_procs(begun, PATIENCE_SECONDS)
    assert alive == []


def save(path: Path, text: str, nanosecond: int) -> None:
    """Replaces a file as editors do; all saves of this test fall in the same second."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.utime(new, ns=(SAVED_NS + nanosecond, SAVED_NS + nanosecond))
    new.replace(path)


def serving_children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Returns the running server processes, each a fork of the fork server."""
    (fork_server,) = (
        child
        for child in psutil.Process(process.pid).children()
        if any("forkserver" in word for word in child.cmdline())
    )
    return [child for child in fork_server.children() if child.status() != psutil.STATUS_ZOMBIE]
