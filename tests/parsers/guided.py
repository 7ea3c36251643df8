"""Fuzzes the targets with atheris (libFuzzer), which searches for inputs that reach new code.

`python -m tests.parsers.guided --seconds 30`; with the name of a target it fuzzes only that one.
Each target runs in its own process, with at most a gigabyte, and five seconds for an input.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris  # pyright: ignore[reportMissingImports]
from hypothesis import given, settings

READERS = ["weft.server", "weft.transport", "weft.auth", "h11", "websockets"]
with atheris.instrument_imports(include=READERS):  # pyright: ignore
    from tests.parsers import targets
    from tests.parsers.streams import streams
    from tests.parsers.targets import SEEDS

BY_GRAMMAR: Any = settings(database=None, deadline=None)(given(streams)(targets.requests))
"""In this target, libFuzzer's bytes are the choices of the grammar."""
TARGETS: dict[str, Callable[[bytes], object]] = {
    **{target.__name__: target for target in SEEDS},
    "grammar": BY_GRAMMAR.hypothesis.fuzz_one_input,
}
HTTP = ("http", "requests")
DICTIONARY = Path(__file__).parent / "http.dict"


def fuzz(name: str, seconds: int) -> None:
    """Fuzzes one target; never returns. libFuzzer ends the process, with an error if one failed."""
    logging.disable(logging.WARNING)  # logged errors must stay: they fail a target
    corpus = Path(tempfile.mkdtemp(prefix=f"weft-fuzz-{name}-"))
    seeds = {target.__name__: seeds for target, seeds in SEEDS.items()}.get(name, [])
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    bounds = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]
    if name in HTTP:
        bounds.append(f"-dict={DICTIONARY}")
    options = [*bounds, "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], _telling(TARGETS[name]))  # pyright: ignore
    atheris.Fuzz()  # pyright: ignore


def _telling(target: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Wraps a target so that it prints the input it fails for: libFuzzer may be too late to."""

    def run(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            print(data, flush=True)
            raise

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    if asked.target:
        fuzz(asked.target, asked.seconds)
    for name in TARGETS:
        print(f"{name}: ", flush=True)
        command = [sys.executable, "-m", "tests.parsers.guided", name]
        subprocess.run([*command, f"--seconds={asked.seconds}"], check=True)


if __name__ == "__main__":
    main()
