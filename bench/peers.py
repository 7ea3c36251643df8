"""Runs the benchmark of the peers against a new `weft serve`; needs the folder of that benchmark.

    python -m bench.peers [--folder DIRECTORY] [options of its bench.py, such as --ops Q1,Q2 -c 64]

The folder is `../shared/peers` by default. The benchmark installs its packages to PEERS_HOME, by
default `.bench/peers`. The server is one process in production mode, with a new database in the
PostgreSQL cluster of the benchmark.
"""

import argparse
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
WEFT = str(Path(sys.executable).parent / "weft")
USERS, ITEMS, SEED = 1_000, 20_000, 7
ADMIN = ("admin@peers.example.com", secrets.token_urlsafe(16))


def main() -> None:
    """Installs the benchmark if it is missing, then runs it; it prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "../shared/peers")
    arguments, options = parser.parse_known_args()
    folder: Path = arguments.folder.resolve()
    if not (folder / "bench.py").exists():
        sys.exit(f"There is no benchmark in {folder}: say where with --folder.")
    home = Path(os.environ.get("PEERS_HOME", CHECKOUT / ".bench/peers")).resolve()
    environment = os.environ | {"PEERS_HOME": str(home)}
    python = home / "venv/bin/python"
    if not python.exists():
        subprocess.run([str(folder / "setup.sh")], env=environment, check=True)
    with _serving(_database(python, folder, environment)) as url:
        command = [str(python), str(folder / "bench.py"), "--ours", url]
        command += ["--sign-in", ":".join(ADMIN), *options]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


def _database(python: Path, folder: Path, environment: dict[str, str]) -> str:
    """Creates and fills a database in the benchmark's own cluster; returns its DSN."""
    name = f"ours_{secrets.token_hex(4)}"
    printed = subprocess.run(
        [str(python), str(folder / "pg.py"), "dsn", name],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    dsn = printed.stdout.strip().splitlines()[-1]
    ours = _environment(dsn)
    numbers = ("--users", str(USERS), "--items", str(ITEMS), "--seed", str(SEED))
    subprocess.run([WEFT, "seed", *numbers], env=ours, check=True)
    email, password = ADMIN
    account = ("--name", "Admin", "--email", email, "--password", password)
    subprocess.run([WEFT, "create-admin", *account], env=ours, check=True)
    return dsn


def _environment(dsn: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": dsn,
        "ENVIRONMENT": "production",
        "SECRET": secrets.token_urlsafe(32),
        "LOG_LEVEL": "warning",
        "INTROSPECTION": "all",
    }


@contextmanager
def _serving(dsn: str) -> Generator[str]:
    server = subprocess.Popen(
        [WEFT, "serve", "--port", "0"], env=_environment(dsn), stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if found := re.search(r"http://\S+/graphql", line):
                yield found[0]
                break
        else:
            sys.exit("The server did not start.")
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
