"""Where the servers' Unix sockets stand: paths of sockets are short by law of the kernel."""

import hashlib
import pwd
import tempfile
from pathlib import Path

from weft.embedded.account import make_private

LONGEST_PATH_BYTES = 100
"""Room in `sockaddr_un` is 108 bytes on Linux and 104 on macOS, the final zero included."""

LONGEST_NAME = ".s.PGSQL.5432"


def socket_directory(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """`sockets/` within the directory; where its path will not do, one of its own in /tmp."""
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
    # A comma would begin another path, for PostgreSQL as for its clients.
    return len(path.encode()) <= LONGEST_PATH_BYTES and "," not in path
