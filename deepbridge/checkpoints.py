"""Checkpoints of a training: written now and then, in one step, and read by the same call."""

import json
import os
import pickle
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from binland.errors import InvalidInputError, StoreError


class Checkpoint:
    """The file of one training, or none. identity: what the training is; a file of another one is refused."""

    def __init__(self, path: str | Path | None, seconds: float, identity: str):
        self._path, self._seconds, self._identity = None if path is None else Path(path), seconds, identity
        self._written = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What was kept last, if anything. Raises StoreError on a damaged file, InvalidInputError on a foreign one."""
        if self._path is None or not self._path.exists():
            return None
        try:
            kept = torch.load(self._path, weights_only=True)
            identity = kept["identity"]
        except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            reason = " ".join(str(error).split())[:80]
            raise StoreError(
                f"{self._path}: cannot be read as a checkpoint ({reason}); remove it to begin anew"
            ) from None
        if identity != self._identity:
            old, new = json.loads(identity), json.loads(self._identity)
            changed = [key for key in old | new if old.get(key) != new.get(key)]
            raise InvalidInputError(
                f"{self._path}: is the checkpoint of another training (other {', '.join(changed)}); give another file"
            )
        return dict(kept["state"])

    def keep(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state if the last time is long ago."""
        if self._path is None or time.monotonic() - self._written < self._seconds:
            return
        part = self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                torch.save({"identity": self._identity, "state": state()}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._path)
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{self._path}: cannot be written ({error}); free space, or give another file") from None
        finally:
            part.unlink(missing_ok=True)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The training is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
