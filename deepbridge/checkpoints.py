"""Checkpoints of a training: written now and then, in one step, and read by the same call."""

import hashlib
import io
import json
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from binland.errors import InvalidInputError, StoreError

MAGIC = b"deepbridge checkpoint 1\n"
_HEAD = len(MAGIC) + 32  # then the SHA-256 of the rest


class Checkpoint:
    """The file of one training, or none. identity: what the training is; a file of another one is refused."""

    def __init__(self, path: str | Path | None, seconds: float, identity: dict[str, str]):
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise InvalidInputError(f"checkpoint={path!r} is not the path of a file")
        self._path = None if path is None else Path(path)
        self._seconds = seconds
        self._identity = json.dumps(identity)
        self._written = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What was kept last, if anything.

        Raises StoreError on a damaged file, and now where none could be written, InvalidInputError on a foreign one.
        """
        if self._path is None:
            return None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
            self._part.unlink()
            octets = self._path.read_bytes() if self._path.exists() else None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._path}: {_reason(error)}; give another file for the checkpoint") from None
        if octets is None:
            return None
        if octets[:_HEAD] != MAGIC + hashlib.sha256(octets[_HEAD:]).digest():
            raise StoreError(f"{self._path}: is not a whole checkpoint; remove it to begin anew, or give another file")
        kept = torch.load(io.BytesIO(octets[_HEAD:]), weights_only=True)
        if kept["identity"] != self._identity:
            old, new = json.loads(kept["identity"]), json.loads(self._identity)
            changed = [key for key in old | new if old.get(key) != new.get(key)]
            raise InvalidInputError(
                f"{self._path}: is the checkpoint of another training (other {', '.join(changed)}); give another file"
            )
        return dict(kept["state"])

    def keep(self, state: Callable[[], dict[str, Any]], now: bool = False) -> None:
        """Write the state, if the last time is long ago or it is to be now; where that fails, warn and go on."""
        if self._path is None or not (now or time.monotonic() - self._written >= self._seconds):
            return
        buffer = io.BytesIO()
        torch.save({"identity": self._identity, "state": state()}, buffer)
        octets = buffer.getvalue()
        try:
            with self._part.open("wb") as file:
                file.write(MAGIC + hashlib.sha256(octets).digest() + octets)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._part, self._path)
        except OSError as error:
            warnings.warn(f"{self._path}: not written ({_reason(error)}); the training goes on without", stacklevel=3)
            with suppress(OSError):
                self._part.unlink()
        self._written = time.monotonic()

    @property
    def _part(self) -> Path:
        """The new file while it is written."""
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}.part")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
