"""The runtime directory: where this machine's nodes have their sockets, closed to everybody else."""

import os
import tempfile
from pathlib import Path

from ..sensors.errors import SixsenseError

LONGEST_PATH = 107 - len("/ingest-lossless-0123456789abcdef")
"""A socket's whole path has at most 107 bytes (sockaddr_un)."""


def runtime_root() -> Path:
    """`$XDG_RUNTIME_DIR/sixsense`, else a folder of this user's below the temporary directory."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    return Path(own) / "sixsense" if own else Path(tempfile.gettempdir()) / f"sixsense-{os.getuid()}"


def is_private(folder: Path) -> bool:
    """Whether a folder is this user's and nobody else may enter it."""
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def make_run_directory(robot: str) -> Path:
    """A new 0700 folder for one run, its path short enough for sockets.

    Raises SixsenseError when the root cannot be made, is full or not private, or its path is too long.
    """
    root = runtime_root()
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        if not is_private(root):
            raise SixsenseError(f"{root} is not only yours: remove it; the next run makes it with mode 0700")
        folder = Path(tempfile.mkdtemp(prefix=f"{robot[:16]}-", dir=root))
    except OSError as error:
        raise SixsenseError(
            f"cannot make a folder in {root}: {error}; make room, or set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    if len(str(folder)) > LONGEST_PATH:
        folder.rmdir()
        raise SixsenseError(f"{folder} is too long for a socket's path: set XDG_RUNTIME_DIR to a shorter one")
    return folder
