"""The commands of the README, the start page and the tour, run as a reader would run them."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.leaks import server_log
from tests.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parent.parent.parent
PORT_IN_PAGES = "8000"
SERVED = re.compile(r"http://127\.0\.0\.1:(\d+)/graphql")
SECONDS = 2 * PATIENCE_SECONDS
"""The time limit of a script, such as the whole tour."""
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the pages need curl")


def blocks(page: str) -> list[str]:
    """Returns the shell commands of a page, a string for each block."""
    text = (CHECKOUT / page).read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


RUN, _TEST, FIRST_QUERY, _MEASURE = blocks("README.md")
SHORTHAND, SIGN_UP, CREATE, QUERY, SUBSCRIBE, UPDATE = blocks("docs/tour.md")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Yields the port on which `make run` serves, with data of its own."""
    data = tmp_path_factory.mktemp("data")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "MAKEFLAGS", "MAKELEVEL")
    }
    with (
        server_log() as log,
        subprocess.Popen(
            [*RUN.split(), "PORT=0"],
            cwd=CHECKOUT,
            env=environment | {"EMBEDDED_DIRECTORY": str(data)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            yield next(found[1] for found in map(SERVED.search, server.stdout) if found)
        finally:
            for process in psutil.Process(server.pid).children(recursive=True):
                process.terminate()
            server.terminate()


@pytest.fixture
def heard(port: str, tmp_path: Path) -> Generator[Path]:
    """Yields the file to which the tour's subscription prints."""
    printed = tmp_path / "heard"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            ["bash", "-c", SUBSCRIBE.replace(PORT_IN_PAGES, port)],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=output,
            start_new_session=True,
        ) as subscriber,
    ):
        try:
            yield printed
        finally:
            os.killpg(subscriber.pid, signal.SIGTERM)


def run(script: str, port: str) -> list[Any]:
    """Runs a script, which must succeed; returns the JSON of each line that it prints."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(PORT_IN_PAGES, port)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_start_page_has_the_commands_of_the_readme() -> None:
    assert blocks("docs/start.md") == [RUN, _TEST, FIRST_QUERY]


@needs_curl
def test_first_query_is_answered_from_the_sample_data(port: str) -> None:
    (answer,) = run(FIRST_QUERY, port)
    found = answer["data"]["items"]
    assert len(found["nodes"]) == 2
    assert found["totalCount"] >= 2
    assert all(item["owner"]["itemCount"] > 0 for item in found["nodes"])


@needs_curl
def test_commands_of_the_tour_give_the_results_that_it_describes(port: str, heard: Path) -> None:
    create_until_heard = f"until [ -s {heard} ]; do {CREATE}\nsleep 0.2; done\n"
    wait_until_heard = f"until grep -q 'A better title' {heard}; do sleep 0.2; done\n"
    script = SHORTHAND + SIGN_UP + create_until_heard + QUERY + UPDATE + UPDATE + wait_until_heard
    signed_up, *created, queried, updated, refused = run(script, port)
    assert signed_up["data"]["signUp"]["viewer"]["email"] == "ada@example.com"
    assert [answer["data"]["createItem"]["item"]["version"] for answer in created] == [1] * len(
        created
    )
    found = queried["data"]["items"]
    assert found["totalCount"] == len(created)
    assert found["edges"][0]["node"]["owner"]["items"]["nodes"][0]["owner"] == {"name": "Ada"}
    assert updated["data"]["updateItem"]["item"] == {"title": "A better title", "version": 2}
    assert [error["code"] for error in refused["data"]["updateItem"]["errors"]] == ["CONFLICT"]
