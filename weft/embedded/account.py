"""Whose rights the servers have: one's own, or for root those of a system account."""

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
    """The account to switch to; None where the process is not root and its own will do.

    PostgreSQL refuses root, so root makes a system account at the first start, or takes
    `nobody` where it cannot.
    """
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", ACCOUNT]
    # Two first starts at once make it once; on a machine without useradd there is none.
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return pwd.getpwnam("nobody")


def hand_over(account: pwd.struct_passwd, *, binaries: Path, directory: Path) -> None:
    """Lets the account reach the programs and the data: search permission, nothing more."""
    for path in (*binaries.parents, *directory.parents, directory):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH and path.stat().st_uid != account.pw_uid:
            log.warning("Letting %s pass through %s (chmod o+x).", account.pw_name, path)
            path.chmod(mode | stat.S_IXOTH)


def make_private(directory: Path, account: pwd.struct_passwd | None) -> None:
    """Makes a directory that only the servers' account (and root) can open.

    Raises EmbeddedError where somebody else has one there already.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    me = os.geteuid()
    owner = account.pw_uid if account is not None else me
    status = directory.lstat()
    # In /tmp anybody could have put a link there, for root to give away what it leads to.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {owner, me}:
        raise EmbeddedError(f"{directory} belongs to another user: remove it, or run as that user.")
    if status.st_uid != owner:
        os.chown(directory, owner, -1)
