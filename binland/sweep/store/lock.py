"""Who may write a result file: one process at a time, which leaves its name."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from binland.errors import StoreError

GRACE = 1.0  # seconds to wait for somebody who only looks whether the lock is free


def lock_path(path: Path) -> Path:
    """The lock beside a result file; it stays there, since unlinking a lock would let two writers in."""
    return path.with_name(path.name + ".lock")


@contextmanager
def sole_writer(path: Path) -> Iterator[dict[str, Any]]:
    """The right to write a result file, for as long as the context lasts; gives the name that was left.

    Raises StoreError, with process and host of the writer, if another one has it.
    """
    lock = FileLock(lock_path(path))
    card = {"pid": os.getpid(), "host": platform.node(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        lock.acquire(timeout=GRACE, poll_interval=0.02)
    except (Timeout, OSError) as error:
        if isinstance(error, Timeout) and lock_path(path).exists():
            raise StoreError(
                f"{path}: {describe(_card(path))} is writing it; wait until it ends, or stop it and run this again"
            ) from None
        raise StoreError(
            f"{path}: its folder cannot be written ({getattr(error, 'strerror', None) or 'no new files there'});"
            " choose another --out"
        ) from None
    try:
        with suppress(OSError):  # a full disk: the right to write is ours, without a name
            lock_path(path).write_text(json.dumps(card))
        yield card
    finally:
        with suppress(OSError):
            lock_path(path).write_text("")
        lock.release()


def writer_of(path: Path) -> dict[str, Any] | None:
    """The card of the process that is writing a result file now, None if there is none."""
    if not lock_path(path).exists():
        return None
    lock = FileLock(lock_path(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _card(path)
    except OSError:  # not ours to lock
        card = _card(path)
        return {**card, "doubt": True} if card else None
    lock.release()
    return None


def describe(card: dict[str, Any]) -> str:
    """A card in words."""
    if not card:
        return "another process"
    perhaps = "perhaps " if card.get("doubt") else ""
    return f"{perhaps}process {card['pid']} on {card['host']} (since {card['since']})"


def _card(path: Path) -> dict[str, Any]:
    """What the writer left; it writes it right after it took the lock."""
    for _ in range(20):
        with suppress(OSError, ValueError):
            return dict(json.loads(lock_path(path).read_text()))
        time.sleep(0.01)
    return {}
