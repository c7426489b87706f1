"""The seal of a file of results: its SHA-256, written after the end of HDF5's data, so that any change is noticed.

HDF5 has checksums for chunks of numbers only. Coordinates, texts and its own tables have none, and following a damaged
table may never end. A sealed file is read completely before HDF5 opens it. It is only ever replaced by a new version
with its own seal.
"""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from binland.errors import StoreError

MARK = b"\nbinland sha256 "
LENGTH = len(MARK) + 65  # the mark, 64 hexadecimal digits, the end of the line
SETTLED = 2.0  # seconds after which another change of a file gets another time stamp
REMEMBERED = 100  # number of files remembered as intact


class State(NamedTuple):
    """Facts by which a changed file is recognised."""

    device: int
    inode: int
    size: int
    changed: tuple[int, int]  # ns; of content and of names and rights

    @classmethod
    def of(cls, file: int | Path) -> "State":
        """State of a path or an open file."""
        found = os.stat(file)
        return cls(found.st_dev, found.st_ino, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))

    @property
    def settled(self) -> bool:
        """Whether the last change is so long ago that a later one would change the time stamp."""
        return time.time() - max(self.changed) / 1e9 > SETTLED


_whole: dict[State, None] = {}  # files whose seal has been checked, in the order in which that was done


def seal(path: Path) -> None:
    """Append the seal to a file without one, and wait until it is on the disk."""
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0, os.SEEK_END)
        file.write(MARK + digest.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def check_seal(path: Path) -> State | None:
    """State of a file whose seal is right, None if it has no seal. Raises StoreError if content and seal differ."""
    with path.open("rb") as file:
        state = State.of(file.fileno())
        if state in _whole:
            return state
        begin = max(0, state.size - LENGTH)
        found = os.pread(file.fileno(), LENGTH, begin)
        if not found.startswith(MARK):
            return None
        if found != MARK + _digest(file.fileno(), begin).encode() + b"\n":
            raise StoreError(
                f"{path}: is damaged, or was changed by another program (its checksum is wrong); take it from a copy,"
                " or run the sweep anew"
            )
    if state.settled:
        _whole[state] = None
        while len(_whole) > REMEMBERED:
            _whole.pop(next(iter(_whole)))
    return state


def copy_without_seal(source: Path, target: Path) -> None:
    """Copy a sealed file without its seal, so that HDF5 can go on writing in the copy."""
    shutil.copyfile(source, target)
    os.truncate(target, target.stat().st_size - LENGTH)


def _digest(file: int, length: int) -> str:
    """SHA-256 of the first `length` bytes of an open file."""
    digest, place = hashlib.sha256(), 0
    while place < length:
        part = os.pread(file, min(2**20, length - place), place)
        if not part:  # the file was shortened while it was read
            break
        digest.update(part)
        place += len(part)
    return digest.hexdigest()
