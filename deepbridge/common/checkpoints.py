"""Checkpoints of a training: written from time to time, in one step, and read by the same call."""

import hashlib
import io
import json
import math
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from binland.disk import why
from binland.errors import InvalidInputError, StoreError, one_line, shown

MAGIC = b"deepbridge checkpoint 1\n"
_HEAD = len(MAGIC) + 32  # then the SHA-256 of the rest
_SHORT = ("device", "dtype", "threads")  # longest part of an identity in a message
Kind = TypeVar("Kind")
_ADVICE = "remove it to begin anew, or give another file"


class Checkpoint:
    """The checkpoint file of one training, or none; files with another identity are refused."""

    def __init__(self, path: str | Path | None, seconds: float, identity: dict[str, str]):
        name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
        if name is not None and not isinstance(name, str):
            raise InvalidInputError(f"checkpoint={shown(path)} is not the path of a file")
        self._path = None if name is None else Path(name)
        self._name = one_line(str(self._path), 300)  # in messages
        self._seconds = seconds
        self._identity = identity
        self._written = time.monotonic()

    def restore(self, into: Callable[[dict[str, Any]], None], device: torch.device) -> None:
        """Give the last state, if there is one, to `into`, with its tensors on a device.

        into: checks the state first; its KeyError, TypeError or ValueError means that the file is damaged. Raises
        StoreError on a damaged file and if no file could be written, InvalidInputError on a file of another training.
        """
        octets = self._octets()
        if octets is None:
            return
        if octets[:_HEAD] != MAGIC + hashlib.sha256(octets[_HEAD:]).digest():
            raise self._refused(f"is not a whole checkpoint; {_ADVICE}")
        state = self._state(octets[_HEAD:], device)
        try:
            into(state)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refused(f"does not hold what a checkpoint of this training does ({error}); {_ADVICE}") from None

    def _octets(self) -> bytes | None:
        """Content of the file, None if there is none; raises StoreError if it cannot be read or written."""
        if self._path is None:
            return None
        try:
            self._path = Path(os.path.realpath(self._path))  # of a link, the file itself is written
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._check_part()
            if not self._part.exists():
                self._part.touch()
                self._part.unlink()
            if self._path.exists() and not self._path.is_file():
                raise ValueError("is not a file")  # reading a pipe would block
            return self._path.read_bytes() if self._path.exists() else None
        except (OSError, ValueError) as error:
            raise self._refused(f"{why(error)}; give another file for the checkpoint") from None

    def _check_part(self) -> None:
        """Raise ValueError if a file that is not ours is where the new file is written first."""
        if not self._part.exists():
            return
        if self._part.is_file():
            with self._part.open("rb") as file:
                begin = file.read(len(MAGIC))
            if MAGIC.startswith(begin):  # the rest of one that was interrupted, possibly very early
                return
        raise ValueError(f"is first written to {shown(self._part.name)}, where there is another file")

    def _state(self, octets: bytes, device: torch.device) -> dict[str, Any]:
        """The state in the file; raises InvalidInputError if it is of another training."""
        try:
            kept = torch.load(io.BytesIO(octets), map_location=device, weights_only=True)
            identity, state = dict(json.loads(kept["identity"])), dict(kept["state"])
        except Exception:  # a pickle may fail in any way
            raise self._refused(f"does not hold a checkpoint, though its checksum is right; {_ADVICE}") from None
        changed = [_change(key, identity, self._identity) for key in {**identity, **self._identity}]
        if any(changed):
            others = ", ".join(filter(None, changed))
            line = f"{self._name}: is the checkpoint of another training (other {others}); give another file"
            raise InvalidInputError(one_line(line))
        return state

    def _refused(self, reason: str) -> StoreError:
        return StoreError(one_line(f"{self._name}: {reason}"))

    def keep(self, state: Callable[[], dict[str, Any]], now: bool = False) -> None:
        """Write the state if it is due (or `now`); if that fails, warn and go on."""
        if self._path is None or not (now or time.monotonic() - self._written >= self._seconds):
            return
        buffer = io.BytesIO()
        torch.save({"identity": json.dumps(self._identity), "state": state()}, buffer)
        octets = buffer.getvalue()
        try:
            self._check_part()
            with self._part.open("wb") as file:
                file.write(MAGIC + hashlib.sha256(octets).digest() + octets)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._part, self._path)
        except (OSError, ValueError) as error:
            line = one_line(f"{self._name}: not written ({why(error)}); the training goes on without")
            warnings.warn(line, stacklevel=3)
            with suppress(OSError, ValueError):
                self._check_part()
                self._part.unlink()
        self._written = time.monotonic()

    @property
    def _part(self) -> Path:
        """The new file while it is being written."""
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}.part")


def _change(key: str, old: dict[str, Any], new: dict[str, str]) -> str:
    """Text about a part of the identity that has changed; empty if it is the same."""
    if old.get(key) == new.get(key):
        return ""
    return f"{key}: {shown(old.get(key))} there, {shown(new.get(key))} here" if key in _SHORT else shown(key)[1:-1]


def part(content: dict[str, Any], name: str, kind: type[Kind]) -> Kind:
    """The entry with this name, if it has this type; else raises KeyError or ValueError."""
    if type(content[name]) is not kind:
        raise ValueError(f"{name} is a {type(content[name]).__name__}")
    return content[name]


def checked(name: str, found: Any, like: Tensor, low: float = -math.inf, unknown: bool = False) -> Tensor:
    """A tensor from a file, if it has the shape and type of `like` and finite entries; else raises ValueError.

    low: smallest allowed entry. unknown: whether NaN is allowed.
    """
    if type(found) is not Tensor or found.layout != torch.strided:
        raise ValueError(f"{name} is no array")
    if found.shape != like.shape or found.dtype != like.dtype or found.device != like.device:
        raise ValueError(f"{name} is of shape {tuple(found.shape)} and type {found.dtype}")
    right = found.isfinite() & (found >= low)
    if not (right | found.isnan() if unknown else right).all():
        raise ValueError(f"{name} has entries out of range")
    return found.detach()
