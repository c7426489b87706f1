"""The right to write a file of results: one process at a time, which leaves its name."""

import errno
import json
import os
import platform
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from binland.errors import StoreError, one_line

LONGEST_CARD = 4096  # bytes
GRACE = 1.0  # seconds to wait for somebody who only looks whether the lock is free
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def lock_path(path: Path) -> Path:
    """The lock beside a file of results. It is never removed, since that could let two writers in."""
    return path.with_name(path.name + ".lock")


class Right:
    """The right to write a file of results. `card` says who has it: process, host and since when."""

    def __init__(self, path: Path):
        self._path = lock_path(path)
        self.card = {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.lock = _lock(path, self._remember)

    def still_ours(self) -> bool:
        """Whether the lock that is held is still the file with that name; another process may lock a replacement."""
        with suppress(OSError):
            return self.lock.is_locked and os.path.samestat(self._locked, self._path.stat())
        return False

    def write(self, text: str) -> None:
        """Write a text into the lock if possible; on a full disk only the text is lost, not the right."""
        with suppress(OSError):
            if self.still_ours():
                self._path.write_text(text)

    def _remember(self, descriptor: int) -> None:
        self._locked = os.fstat(descriptor)


@contextmanager
def sole_writer(path: Path) -> Iterator[Right]:
    """Context with the right to write a file of results; the writer's card is left in the lock.

    Raises StoreError if another process has the right (with its name and host), or nothing can be locked there.
    """
    right = Right(path)
    try:
        right.lock.acquire(timeout=GRACE, poll_interval=0.02)
    except OSError as error:
        raise StoreError(f"{path}: {_refusal(path, error)}") from None
    try:
        right.write(json.dumps(right.card))
        yield right
    finally:
        right.write("")
        right.lock.release()


def writer_of(path: Path) -> dict[str, Any] | None:
    """The card of the process that is writing a file of results now, or None."""
    if not lock_path(path).exists():
        return None
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _card(path)
    except OSError:  # not ours to lock
        card = _card(path)
        return {**card, "doubt": True} if card else None
    lock.release()
    return None


def _lock(path: Path, on_acquired: Callable[[int], None] | None = None) -> FileLock:
    """An operating-system lock; a lock that is merely a file would survive a killed process."""
    return FileLock(lock_path(path), fallback_to_soft=False, on_acquired=on_acquired)


def _refusal(path: Path, error: OSError) -> str:
    if error.errno in NO_LOCKS:
        return (
            f"its file system has no locks ({os.strerror(error.errno)}), so that two processes could write it at once;"
            " choose an --out on another file system"
        )
    if isinstance(error, Timeout) and lock_path(path).exists():
        return f"{describe(_card(path))} is writing it; wait until it ends, or stop it and run this again"
    if _is_odd(lock_path(path)):
        return f"its lock {lock_path(path).name} is a link or no ordinary file; move it away"
    return f"its folder cannot be written ({error.strerror or 'no new files there'}); choose another --out"


def _is_odd(path: Path) -> bool:
    """Whether the path exists and is not an ordinary file."""
    with suppress(OSError):
        return not stat.S_ISREG(path.lstat().st_mode)
    return False


def describe(card: dict[str, Any]) -> str:
    """A card as a text."""
    if not card:
        return "another process"
    perhaps = "perhaps " if card.get("doubt") else ""
    pid, host, since = (card.get(key, "?") for key in ("pid", "host", "since"))
    return one_line(f"{perhaps}process {pid} on {host} (since {since})", 200)


def _card(path: Path) -> dict[str, Any]:
    """The card in a lock, which a writer writes right after locking."""
    for _ in range(20):
        with suppress(OSError, ValueError, TypeError, RecursionError):  # the content may come from anybody
            return dict(json.loads(_beginning(lock_path(path))))
        time.sleep(0.01)
    return {}


def _beginning(path: Path) -> bytes:
    """The first bytes of a file, of whatever kind; a card is short."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        return os.read(file, LONGEST_CARD)
    finally:
        os.close(file)
