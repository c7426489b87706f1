"""Files that appear under their name whole, or not at all, and replace nothing; files that are read whole."""

import errno
import os
import stat
import uuid
from pathlib import Path

from binland.checks import checked_memory
from binland.errors import StoreError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file in one step; raises StoreError if the name is taken, or it cannot be written."""
    try:
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            _write(part, content)
            _give_name(part, path)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError:
        raise StoreError(f"{path}: is there already; choose another name") from None
    except (OSError, ValueError) as error:  # a name may hold a NUL
        raise StoreError(f"{path}: cannot be written ({_reason(error)}); choose another name") from None


def read_whole(path: Path) -> bytes:
    """Content of a file; raises StoreError if there is none that can be read, InvalidInputError beyond memory."""
    try:
        state = os.stat(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({_reason(error)}); give the path of a file") from None
    if not stat.S_ISREG(state.st_mode):  # a pipe might never end
        raise StoreError(f"{path}: is not a file; give the path of one")
    checked_memory(f"{path}: what it holds", 2 * state.st_size)
    try:
        with path.open("rb") as file:
            return file.read(state.st_size)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({_reason(error)}); give the path of a file") from None


def _write(part: Path, content: bytes) -> None:
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give_name(part: Path, path: Path) -> None:
    """Unlike a rename, never replaces a file made meanwhile."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(part, path)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
