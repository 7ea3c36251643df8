"""The account that the servers run as: the current one, or for root a system account."""

import logging
import os
import pwd
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

from weft.embedded.errors import EmbeddedError

ACCOUNT = "pgserver"
"""The name that the PostgreSQL wheel itself uses, so that a machine gets one such account only."""

log = logging.getLogger(__name__)


def server_account() -> pwd.struct_passwd | None:
    """Returns the account to switch to; None if the process is not root and keeps its own.

    PostgreSQL refuses to run as root, so root creates a system account at the first start, or takes
    an existing one without rights if it cannot.
    """
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", ACCOUNT]
    # Of two first starts at once, one creates it; without useradd there is none.
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return pwd.getpwnam("nobody")


def hand_over(account: pwd.struct_passwd, *, binaries: Path, directory: Path) -> None:
    """Gives the account search permission, and nothing more, on the programs and the data."""
    for path in (*binaries.parents, *directory.parents, directory):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH and path.stat().st_uid != account.pw_uid:
            log.warning("Letting %s pass through %s (chmod o+x).", account.pw_name, path)
            path.chmod(mode | stat.S_IXOTH)


def make_private(directory: Path, account: pwd.struct_passwd | None) -> None:
    """Creates a directory that only the servers' account (and root) can open.

    Raises EmbeddedError if another user owns what is there already.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    me = os.geteuid()
    owner = account.pw_uid if account is not None else me
    status = directory.lstat()
    # In /tmp any user could have put a link there, whose target root would then give away.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {owner, me}:
        raise EmbeddedError(f"{directory} belongs to another user: remove it, or run as that user.")
    if status.st_uid != owner:
        os.chown(directory, owner, -1)
