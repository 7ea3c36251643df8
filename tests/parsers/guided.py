"""Fuzzes the targets with atheris (libFuzzer), which looks for inputs that reach new code.

`python -m tests.parsers.guided --seconds 30`; a target's name as well fuzzes that one only. Each
target has a process of its own, may take a gigabyte, and five seconds for an input.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["weft.transport", "weft.auth", "uvicorn.protocols"]):  # pyright: ignore
    from tests.parsers.targets import SEEDS

TARGETS = {target.__name__: target for target in SEEDS}


def fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process, with an error if the target failed."""
    logging.disable()
    target = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"weft-fuzz-{name}-"))
    for number, seed in enumerate(SEEDS[target]):
        (corpus / str(number)).write_bytes(seed)
    bounds = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]
    options = [*bounds, "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)  # pyright: ignore
    atheris.Fuzz()  # pyright: ignore


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
