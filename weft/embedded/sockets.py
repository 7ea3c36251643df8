"""The directory of the servers' Unix sockets: the kernel limits the length of their paths."""

import hashlib
import pwd
import tempfile
from pathlib import Path

from weft.embedded.account import make_private

LONGEST_PATH_BYTES = 100
"""Room in `sockaddr_un` is 108 bytes on Linux and 104 on macOS, the final zero included."""

LONGEST_NAME = ".s.PGSQL.5432"


def socket_directory(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """Returns `sockets/` in the directory; if that path is unfit, one in the temporary directory.

    A path is unfit if it is too long or has a comma.
    """
    sockets = directory / "sockets"
    if not _is_good(sockets):
        digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
        sockets = Path(tempfile.gettempdir(), f"weft-{digest}")
        if not _is_good(sockets):
            sockets = Path("/tmp", sockets.name)
    make_private(sockets, account)
    return sockets


def _is_good(sockets: Path) -> bool:
    path = str(sockets / LONGEST_NAME)
    # PostgreSQL and its clients read a comma as the end of a path.
    return len(path.encode()) <= LONGEST_PATH_BYTES and "," not in path
