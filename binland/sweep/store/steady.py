"""A file object for HDF5 that survives a full disk, because HDF5 crashes after a write that fails."""

import io
import os
import sys
from pathlib import Path
from typing import Any

PAGE = 2**16


class SteadyFile(io.RawIOBase):
    """A file for reading and writing whose writes never raise.

    After the first error nothing more is written to the disk: later writes go to memory, from where they can be read,
    so that HDF5 can close the file without crashing. The file is then incomplete, and `close` raises the error.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._place, self._size = 0, os.fstat(self._file).st_size
        self._pages: dict[int, bytearray] = {}
        self._valid = sys.maxsize  # truncated in memory, though the disk still holds more
        self.error: OSError | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an offset from the beginning, the current position or the end."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the current position; zeros where nothing was written."""
        view = memoryview(buffer).cast("B")
        if self.error is None:
            there = os.preadv(self._file, [view], self._place)
            view[there:] = bytes(len(view) - there)
            self._place += len(view)
            return len(view)
        for page, begin, end, at in _pages(self._place, len(view)):
            view[at : at + end - begin] = self._page(page)[begin:end]
        self._place += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write at the current position: to the disk or, after an error, to memory."""
        view = memoryview(data).cast("B")
        if self.error is None:
            try:
                written = 0
                while written < len(view):
                    written += os.pwrite(self._file, view[written:], self._place + written)
            except OSError as error:
                self.error = error
        if self.error is not None:
            for page, begin, end, at in _pages(self._place, len(view)):
                held = self._page(page)
                held[begin:end] = view[at : at + end - begin]
                self._pages[page] = held
        self._place += len(view)
        self._size = max(self._size, self._place)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        size = self._place if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self._file, size)
            except OSError as error:
                self.error = error
        if self.error is not None:
            self._valid = min(self._valid, size)
            for page, held in self._pages.items():
                end = max(0, size - page * PAGE)
                held[end:] = bytes(len(held[end:]))
        self._size = size
        return size

    def close(self) -> None:
        """Wait until everything is on the disk; raises OSError if something could not be written."""
        if self.closed:
            return
        super().close()
        try:
            if self.error is None:
                os.fsync(self._file)
        finally:
            os.close(self._file)
        if self.error is not None:
            raise self.error

    def _page(self, page: int) -> bytearray:
        if page in self._pages:
            return self._pages[page]
        there = os.pread(self._file, PAGE, page * PAGE)[: max(0, self._valid - page * PAGE)]
        return bytearray(there.ljust(PAGE, b"\0"))


def _pages(place: int, length: int) -> Any:
    """Memory pages that a range of bytes covers: number, begin and end in the page, offset in the range."""
    at = 0
    while at < length:
        page, begin = divmod(place + at, PAGE)
        end = min(PAGE, begin + length - at)
        yield page, begin, end, at
        at += end - begin
