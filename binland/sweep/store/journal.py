"""The journal beside a result file: an append-only log of what happened since the file was last brought up to date.

A record is a header (magic, length of the rest, CRC-32 of both, CRC-32 of the rest), a line of JSON, and the bytes of
the arrays it names. A killed process leaves at most one incomplete record at the end, which readers pass over. Records
are complete in the operating system's hands once `append` returns (kill -9 loses none), on the disk a second later (a
power cut may lose that second).
"""

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
        part = path.with_name(path.name + ".part")
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self.size, self._synced = 0, time.monotonic()
        try:
            self.append(facts)
            os.fsync(self._file)
            os.replace(part, path)  # readers of the one before keep what they have open
        except BaseException:
            self.close()
            part.unlink(missing_ok=True)
            raise

    def append(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]] | None = None) -> Record:
        """Add a record; if that fails or is interrupted, nothing is added."""
        arrays = {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()}
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
        return _arrays(record, lambda length, offset: os.pread(self._file, length, offset))

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class JournalReader:
    """The complete records of a journal at one moment. `damaged`: bytes after them that are no record's beginning."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.damaged = 0
        self.records = list(self._scan())

    def _scan(self) -> Iterator[Record]:
        end = os.fstat(self._file.fileno()).st_size
        while end - self._file.tell() >= HEADER.size:
            start = self._file.tell()
            header = self._file.read(HEADER.size)
            magic, length, of_header, _ = HEADER.unpack(header)
            good = magic == MAGIC and of_header == zlib.crc32(header[: BEGINNING.size])
            if good and start + HEADER.size + length > end:
                return  # being written, or cut off by a kill
            body = self._file.read(length) if good else b""
            if not good or header != _header(body):
                self.damaged = end - start
                return
            line = body[: body.index(b"\n") + 1]
            yield Record(json.loads(line), start + HEADER.size + len(line))

    def arrays(self, record: Record) -> dict[str, NDArray[Any]]:
        """The arrays of a record."""

        def read(length: int, offset: int) -> bytes:
            self._file.seek(offset)
            return self._file.read(length)

        return _arrays(record, read)


def _header(body: bytes) -> bytes:
    of_header = zlib.crc32(BEGINNING.pack(MAGIC, len(body)))
    return HEADER.pack(MAGIC, len(body), of_header, zlib.crc32(body))


def _arrays(record: Record, read: Any) -> dict[str, NDArray[Any]]:
    offset, arrays = record.offset, {}
    for name, (dtype, shape) in record.facts.get("arrays", {}).items():
        array = np.empty(shape, dtype)
        arrays[name] = np.frombuffer(read(array.nbytes, offset), dtype).reshape(shape)
        offset += array.nbytes
    return arrays
