"""The journal beside a result file: an append-only log of what happened since the file was last brought up to date.

A record is a header (magic, length of the rest, CRC-32 of both, CRC-32 of the rest), a line of JSON, and the bytes of
the arrays it names. A killed process leaves at most one incomplete record at the end, which readers pass over. Records
are complete in the operating system's hands once `append` returns (kill -9 loses none), on the disk a second later (a
power cut may lose that second).
"""

import json
import math
import os
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


class Record(NamedTuple):
    """A line of the journal: its facts, and where the bytes of its arrays stand."""

    facts: dict[str, Any]
    offset: int


class Journal:
    """A journal that is being written. `facts` of the first record say whose it is."""

    def __init__(self, path: Path, facts: dict[str, Any]):
        self.path = path
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")  # nobody can lay a link there
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
        self.size, self._synced = 0, time.monotonic()
        try:
            self._write(facts, {})
            os.fsync(self._file)
            os.replace(part, path)  # readers of the one before keep what they have open
        except BaseException:
            self.close()
            part.unlink(missing_ok=True)
            raise

    def append(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]] | None = None) -> Record:
        """Add a record; if that fails or is interrupted, nothing is added.

        Raises OSError if the disk does not take it, StoreError if the journal is not what it was.
        """
        self.check()
        return self._write(facts, {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()})

    def _write(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Record:
        listed = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
        line = json.dumps(facts | {"arrays": listed} if arrays else facts).encode() + b"\n"
        body = b"".join([line, *(array.tobytes() for array in arrays.values())])
        content = memoryview(_header(body) + body)
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
        return Record(json.loads(line), start + HEADER.size + len(line))

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def arrays(self, record: Record) -> dict[str, NDArray[Any]]:
        """The arrays of a record."""
        return _arrays(self._file, record)

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
        """Whether what has the journal's name is still the journal."""
        try:
            there, mine = os.stat(self.path, follow_symlinks=False), os.fstat(self._file)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def reader(self) -> "JournalReader":
        """What is in it, whether it still has its name or not."""
        return JournalReader(self._file)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class JournalReader:
    """The complete records of an open journal at one moment.

    damaged: bytes after them that are no record's beginning. Raises ValueError on records that no journal has.
    """

    def __init__(self, file: int):
        self._file = file
        self.damaged = 0
        self.records = list(self._scan())

    def _scan(self) -> Iterator[Record]:
        place, end = 0, os.fstat(self._file).st_size
        while end - place >= HEADER.size:
            header = os.pread(self._file, HEADER.size, place)
            magic, length, of_header, _ = HEADER.unpack(header)
            good = magic == MAGIC and of_header == zlib.crc32(header[: BEGINNING.size])
            if good and place + HEADER.size + length > end:
                return  # being written, or cut off by a kill
            body = os.pread(self._file, length, place + HEADER.size) if good else b""
            if not good or header != _header(body):
                self.damaged = end - place
                return
            yield _record(body, place + HEADER.size)
            place += HEADER.size + length

    def arrays(self, record: Record) -> dict[str, NDArray[Any]]:
        """The arrays of a record."""
        return _arrays(self._file, record)


def open_journal(path: Path) -> int | None:
    """A journal for reading, None if there is none. Raises OSError, also where it is not an ordinary file."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError("it is not an ordinary file")


def _record(body: bytes, place: int) -> Record:
    """A record whose checksums are right; that its arrays take the bytes behind its line is checked here."""
    line = body[: body.index(b"\n") + 1]
    facts = json.loads(line)
    if not isinstance(facts, dict) or sum(_sizes(facts)) != len(body) - len(line):
        raise ValueError("a record has other arrays than it says")
    return Record(facts, place + len(line))


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


def _arrays(file: int, record: Record) -> dict[str, NDArray[Any]]:
    offset, arrays = record.offset, {}
    for (name, (dtype, shape)), size in zip(record.facts.get("arrays", {}).items(), _sizes(record.facts), strict=True):
        arrays[name] = np.frombuffer(os.pread(file, size, offset), dtype).reshape(shape)
        offset += size
    return arrays
