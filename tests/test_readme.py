"""The README's own commands, run as a stranger would."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from tests.leaks import server_log

CHECKOUT = Path(__file__).parent.parent
PORT_IN_README = "8000"
SECONDS = 120.0

BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (CHECKOUT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
RUN, TEST, SHORTHAND, SIGN_UP, CREATE, QUERY, SUBSCRIBE, UPDATE = BLOCKS[:8]


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Where `make run` serves, with data of its own."""
    port = free_port()
    data = tmp_path_factory.mktemp("data")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "MAKEFLAGS", "MAKELEVEL")
    }
    with (
        server_log() as log,
        subprocess.Popen(
            [*RUN.split(), f"PORT={port}"],
            cwd=CHECKOUT,
            env=environment | {"EMBEDDED_DIRECTORY": str(data)},
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as server,
    ):
        try:
            ready = f"http://127.0.0.1:{port}/health/ready"
            wait_until(lambda: answers(ready), "make run does not serve")
            yield port
        finally:
            for process in psutil.Process(server.pid).children(recursive=True):
                process.terminate()
            server.terminate()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.1)


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
    script = SHORTHAND + SIGN_UP + create_until_heard + QUERY + UPDATE + UPDATE
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
    wait_until(lambda: "A better title" in heard.read_text(), "the change is not heard")


def test_test_command_is_the_one_that_runs_this() -> None:
    assert TEST.split() == ["make", "test"]
    assert "make test" in (CHECKOUT / ".ci/run").read_text()
