"""Finds the Python that runs Weft fastest: two builds of one version can differ by a third.

    python3 bench/interpreters.py

prints the path of its own interpreter, or that of another one of the same version if that is
clearly faster. It measures what Weft mostly does: calls, attributes, dictionaries and coroutines.
Needs only the standard library, because `make` runs it before anything is installed.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROUNDS = 60
WORTH_IT = 0.9
"""Another interpreter is chosen if it needs less than this share of our own's time."""

ABOUT = """
import ensurepip, os, ssl, sys, venv
print(sys.implementation.name, *sys.version_info[:2], os.path.realpath(sys.executable))
"""
"""A script that fails if the interpreter could not create an environment."""

WORK = """
import sys, time
class Row:
    __slots__ = ("id", "title")
    def __init__(self, id, title):
        self.id, self.title = id, title
async def read(row):
    return {"id": row.id, "title": row.title}
async def answer(rows):
    return [await read(row) for row in rows]
def work():
    for _ in range(40):
        try:
            answer([Row(number, "title") for number in range(100)]).send(None)
        except StopIteration:
            pass
work()
for _ in sys.stdin:
    begun = time.process_time()
    work()
    print(time.process_time() - begun, flush=True)
"""
"""A script that runs the work once for each line of input, and prints its seconds."""


def fastest() -> str:
    """Returns the path of the interpreter to use."""
    own = sys.executable
    gains = {path: _share_of_time(path, own) for path in _others(own)}
    best = min(gains, key=lambda path: gains[path], default=own)
    return best if gains.get(best, 1) < WORTH_IT else own


def _others(own: str) -> Iterator[str]:
    """Yields the other interpreters of the same implementation and version, each once."""
    *kind, home = _about(own)
    seen = {home}
    name = "python{}.{}".format(*sys.version_info[:2])
    for folder in (*os.get_exec_path(), "/usr/local/bin", "/usr/bin"):
        *other_kind, home = _about(str(Path(folder, name)))
        if other_kind == kind and home not in seen:
            seen.add(home)
            yield home


def _about(python: str) -> list[str]:
    """Returns implementation, version and real path, or `[""]` if the interpreter is unusable."""
    command = [python, "-I", "-c", ABOUT]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return [""]
    return told.strip().split(maxsplit=3) or [""]


def _share_of_time(python: str, own: str) -> float:
    """Returns the ratio of its time to that of `own` for the same work: the median of the rounds.

    They take turns on one core, and each turn is compared: on a shared machine cores differ, and
    each changes its speed all the time.
    """
    with _worker(python) as other, _worker(own) as mine:
        return statistics.median(_seconds(other) / _seconds(mine) for _ in range(ROUNDS))


def _worker(python: str) -> "subprocess.Popen[str]":
    command = [python, "-I", "-c", WORK]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _seconds(worker: "subprocess.Popen[str]") -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


if __name__ == "__main__":
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(fastest())
