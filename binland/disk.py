"""Files that are written completely or not at all and never replace others; files that are read as a whole."""

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from binland.checks import checked_memory
from binland.errors import InvalidInputError, StoreError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file in one step; raises StoreError if the name is taken or it cannot be written."""
    try:
        with new_version(path) as part:
            _write(part, content)
            move_to_new(part, path)
    except FileExistsError:
        raise StoreError(f"{path}: is there already; choose another name") from None
    except (OSError, ValueError) as error:  # a name may hold a NUL
        raise StoreError(f"{path}: cannot be written ({why(error)}); choose another name") from None


def read_whole(path: Path) -> bytes:
    """Content of a file; raises StoreError if it cannot be read, InvalidInputError if it does not fit into memory."""
    try:
        size = file_size(path)
        checked_memory(f"{path}: what it holds", 2 * size)
        with path.open("rb") as file:
            return file.read(size)
    except InvalidInputError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({why(error)}); give the path of a file") from None


def file_size(path: Path) -> int:
    """Size of an ordinary file in bytes; raises OSError or ValueError for anything else, such as a pipe."""
    state = os.stat(path)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    return state.st_size


def why(error: Exception) -> str:
    """Why a file could not be read or written, in few words."""
    return getattr(error, "strerror", None) or str(error)


def _write(part: Path, content: bytes) -> None:
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def new_version(path: Path) -> Iterator[Path]:
    """A unique name beside a file for its next version; whatever still has that name at the end is removed."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def move_to_new(part: Path, path: Path) -> None:
    """Give a finished file its name. Unlike a rename this never replaces a file that was made meanwhile."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(part, path)
