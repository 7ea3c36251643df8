"""Law 6, in a separate process: imports every module and prints the side effects."""

import gc
import importlib
import inspect
import os
import subprocess
import sys
import threading
from collections import abc
from pathlib import Path
from typing import Any

from tests.laws.source import PROJECT, sources

LIBRARY_FILES = {os.__file__, abc.__file__, "<frozen os>", "<frozen _collections_abc>"}
SUSPICIOUS = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.posix_spawn"}
HELD = {"Engine", "AsyncEngine", "Redis", "Settings", "Connection", "HTTPConnection"}


class Watch:
    """Records sockets, processes, `.env` opened, files written, and variables read by our code."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.seen: list[str] = []

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in SUSPICIOUS:
            self.seen.append(event)
        elif event == "open" and isinstance(arguments[0], str):
            path, mode = arguments[:2]
            if Path(path).name == ".env" or (set(mode or "") & set("wax+") and path != os.devnull):
                self.seen.append(f"opens {path}")

    def environ_read(self, name: str) -> None:
        frame = inspect.currentframe()
        while frame and frame.f_code.co_filename in {__file__, *LIBRARY_FILES}:
            frame = frame.f_back
        path = frame.f_code.co_filename if frame else ""
        if path.startswith(self._root) and "site-packages" not in path:
            self.seen.append(f"{path} reads {name}")


def happening(root: Path) -> list[str]:
    """Returns the side effects of importing every module under `root`, in a new process."""
    command = [sys.executable, "-m", "tests.laws.importing", str(root)]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def main(root: Path) -> None:
    """Imports every module under `root`; prints one line for each side effect."""
    watch = Watch(root)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(root))
    modules = [source.module for source in sources(root) if "migrations" not in source.path]
    environ: Any = type(os.environ)
    read = environ.__getitem__

    def reading(self: Any, name: str) -> str:
        watch.environ_read(name)
        return read(self, name)

    environ.__getitem__ = reading
    sys.addaudithook(watch.audit)
    for module in modules:
        importlib.import_module(module)
    held = {type(thing).__name__ for thing in gc.get_objects()} & HELD
    extra = [thread.name for thread in threading.enumerate()][1:]
    for line in [*watch.seen, *(f"holds a {name}" for name in held), *extra]:
        print(line)  # noqa: T201 - read by `happening`


if __name__ == "__main__":
    main(Path(sys.argv[1]))
