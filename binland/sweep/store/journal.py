"""The journal beside a file of results: an append-only log of what happened since the file was last updated.

A record is a header (magic, length of the rest, CRC-32 of both, CRC-32 of the rest), a line of JSON, and the bytes of
the arrays it names. A killed process leaves at most one incomplete record at the end, which readers skip. Damaged bytes
make the records that contain them unreadable, and only these. Once `append` returns a record has been handed to the
operating system (kill -9 loses none); it is on the disk a second later (a power cut may lose that second).
"""

import json
import math
import os
import shutil
import stat
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.errors import StoreError

MAGIC = b"blj1"
BEGINNING = struct.Struct("<4sQ")  # magic, length
HEADER = struct.Struct("<4sQII")  # beginning, CRC-32 of it, CRC-32 of the rest
SYNC_EVERY = 1.0  # seconds
STRETCH = 2**20  # bytes in which the next record is looked for at a time
MOST_BYTES = 2**31 - 2**12  # largest record, since no system reads more at a time
MOST_DAMAGE = 2**28  # bytes; behind more of them nothing is looked for


class Record(NamedTuple):
    """A record of the journal: its line of JSON, the position of its arrays' bytes, and their CRC-32."""

    facts: dict[str, Any]
    offset: int
    checksum: int


class Journal:
    """A journal open for writing. The facts of its first record say who writes."""

    def __init__(self, path: Path, facts: dict[str, Any]):
        self.path = path
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")  # random: nobody can have put a link there
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
        self.size, self._synced = 0, time.monotonic()
        try:
            self._write(facts, {})
            os.fsync(self._file)
            os.replace(part, path)  # readers of the previous journal keep their open file
        except BaseException:
            self.close()
            part.unlink(missing_ok=True)
            raise

    def append(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]] | None = None) -> Record:
        """Add a record. If that fails or is interrupted, nothing is added.

        Raises OSError if it cannot be written, StoreError if another program has changed the journal.
        """
        self.check()
        return self._write(facts, {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()})

    def _write(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Record:
        listed = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
        line = json.dumps(facts | {"arrays": listed} if arrays else facts).encode() + b"\n"
        rest = b"".join(array.tobytes() for array in arrays.values())
        content = memoryview(_header(line + rest) + line + rest)
        start = self.size
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._file, content[written:], start + written)
            self.size = start + len(content)
        except BaseException:
            os.ftruncate(self._file, start)
            raise
        if time.monotonic() - self._synced > SYNC_EVERY:
            self.sync()
        return Record(json.loads(line), start + HEADER.size + len(line), zlib.crc32(rest))

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def arrays(self, record: Record) -> dict[str, NDArray[Any]]:
        """The arrays of a record; raises StoreError if they are not what was written."""
        try:
            return _arrays(self._file, record)
        except ValueError:
            raise StoreError(
                f"{self.path}: was damaged by another program while the sweep ran; what is whole is kept, run the same"
                " command to do the rest"
            ) from None

    def check(self) -> None:
        """Raise StoreError if another program has removed, replaced, cut or continued the journal."""
        if not self.ours():
            what = "was replaced" if self.path.exists() else "was removed"
        elif os.fstat(self._file).st_size != self.size:
            what = "was cut or continued"
        else:
            return
        raise StoreError(
            f"{self.path}: {what} by another program while the sweep ran; what is still known of it is kept, run the"
            " same command to do the rest"
        )

    def ours(self) -> bool:
        """Whether the file with the journal's name is still this journal."""
        try:
            there, mine = os.stat(self.path, follow_symlinks=False), os.fstat(self._file)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def reader(self) -> "JournalReader":
        """A reader of this journal, whether or not the file still has its name."""
        return JournalReader(self._file)

    def close(self) -> None:
        """Close the file without removing it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class JournalReader:
    """The complete records of an open journal at one moment.

    damaged: number of bytes that belong to no record, not counting a record that is still being written. Raises
    ValueError on records that no writer makes.
    """

    def __init__(self, file: int):
        self._file = file
        self.damaged = 0
        self.records = list(self._scan())

    def _scan(self) -> Iterator[Record]:
        place, end = 0, os.fstat(self._file).st_size
        while end - place >= HEADER.size:
            header = os.pread(self._file, HEADER.size, place)
            if not _is_header(header):
                found = self._next(place + 1, end)
                self.damaged, place = self.damaged + found - place, found
                continue
            length = HEADER.unpack(header)[1]
            if place + HEADER.size + length > end:
                return  # being written, or cut off by a kill
            if length > MOST_BYTES:
                raise ValueError(f"a record has {length} bytes; at most {MOST_BYTES}")
            body = os.pread(self._file, length, place + HEADER.size)
            if header == _header(body):
                yield _record(body, place + HEADER.size)
            else:
                self.damaged += HEADER.size + length
            place += HEADER.size + length

    def _next(self, place: int, end: int) -> int:
        """Position of the next header, or the end."""
        last = place + MOST_DAMAGE - self.damaged
        while place < min(end, last):
            stretch = os.pread(self._file, STRETCH + HEADER.size - 1, place)
            found = stretch.find(MAGIC)
            while found >= 0:
                if _is_header(stretch[found : found + HEADER.size]):
                    return place + found
                found = stretch.find(MAGIC, found + 1)
            place += STRETCH
        return end

    def arrays(self, record: Record) -> dict[str, NDArray[Any]]:
        """The arrays of a record; raises ValueError if they have changed since."""
        return _arrays(self._file, record)

    def copy(self, path: Path) -> None:
        """Copy all bytes of the journal to a new file."""
        with open(self._file, "rb", closefd=False) as source, path.open("xb") as target:
            source.seek(0)
            shutil.copyfileobj(source, target)


def open_journal(path: Path) -> int | None:
    """A journal for reading, None if there is none. Raises OSError, also if it is not an ordinary file."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError("it is not an ordinary file")


def _record(body: bytes, place: int) -> Record:
    """The record whose checksums are right; raises ValueError unless its arrays fill the bytes after its line."""
    line = body[: body.index(b"\n") + 1]
    facts = json.loads(line)
    if not isinstance(facts, dict) or sum(_sizes(facts)) != len(body) - len(line):
        raise ValueError("a record has other arrays than it says")
    return Record(facts, place + len(line), zlib.crc32(body[len(line) :]))


def _sizes(facts: dict[str, Any]) -> list[int]:
    """Bytes of each array of a record; raises ValueError unless they are arrays of numbers."""
    try:
        listed = [(np.dtype(dtype), shape) for dtype, shape in facts.get("arrays", {}).values()]
    except (AttributeError, TypeError) as error:
        raise ValueError(f"a record lists no arrays ({error})") from None
    for dtype, shape in listed:
        if dtype.kind not in "biuf" or not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError("a record holds something else than numbers")
    return [dtype.itemsize * math.prod(shape) for dtype, shape in listed]


def _header(body: bytes) -> bytes:
    of_header = zlib.crc32(BEGINNING.pack(MAGIC, len(body)))
    return HEADER.pack(MAGIC, len(body), of_header, zlib.crc32(body))


def _is_header(octets: bytes) -> bool:
    """Whether these bytes are a header with a right checksum, so that the length in it can be trusted."""
    if len(octets) < HEADER.size:
        return False
    magic, _, of_header, _ = HEADER.unpack(octets)
    return magic == MAGIC and of_header == zlib.crc32(octets[: BEGINNING.size])


def _arrays(file: int, record: Record) -> dict[str, NDArray[Any]]:
    sizes, arrays, place = _sizes(record.facts), {}, 0
    octets = os.pread(file, sum(sizes), record.offset)
    if zlib.crc32(octets) != record.checksum:
        raise ValueError("a record has changed since it was read")
    for (name, (dtype, shape)), size in zip(record.facts.get("arrays", {}).items(), sizes, strict=True):
        arrays[name] = np.frombuffer(octets, dtype, math.prod(shape), place).reshape(shape)
        place += size
    return arrays
