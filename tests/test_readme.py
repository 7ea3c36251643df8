"""The README's own commands, run as a stranger would."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from tests.leaks import server_log
from tests.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parent.parent
PORT_IN_README = "8000"
SERVED = re.compile(r"http://127\.0\.0\.1:(\d+)/graphql")
SECONDS = 2 * PATIENCE_SECONDS
"""For the whole tour."""

BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (CHECKOUT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
RUN, _TEST, SHORTHAND, SIGN_UP, CREATE, QUERY, SUBSCRIBE, UPDATE = BLOCKS[:8]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Where `make run` serves, with data of its own."""
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
    """What the tour's subscription has printed so far."""
    printed = tmp_path / "heard"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            ["bash", "-c", SUBSCRIBE.replace(PORT_IN_README, port)],
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


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour needs curl")
def test_tour_shows_what_it_says(port: str, heard: Path) -> None:
    create_until_heard = f"until [ -s {heard} ]; do {CREATE}\nsleep 0.2; done\n"
    wait_until_heard = f"until grep -q 'A better title' {heard}; do sleep 0.2; done\n"
    script = SHORTHAND + SIGN_UP + create_until_heard + QUERY + UPDATE + UPDATE + wait_until_heard
    toured = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(PORT_IN_README, port)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    signed_up, *created, queried, updated, refused = map(json.loads, toured.stdout.splitlines())
    assert signed_up["data"]["signUp"]["viewer"]["email"] == "ada@example.com"
    assert [answer["data"]["createItem"]["item"]["version"] for answer in created] == [1] * len(
        created
    )
    found = queried["data"]["items"]
    assert found["totalCount"] == len(created)
    assert found["edges"][0]["node"]["owner"]["items"]["nodes"][0]["owner"] == {"name": "Ada"}
    assert updated["data"]["updateItem"]["item"] == {"title": "A better title", "version": 2}
    assert [error["code"] for error in refused["data"]["updateItem"]["errors"]] == ["CONFLICT"]
