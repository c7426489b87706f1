"""What long computations on a landscape share: their ends, checkpoints, and a progress bar."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from binland.callbacks import TrainingState
from binland.checks import one_of
from binland.errors import InvalidInputError
from binland.rng import Seed
from deepbridge.common.devices import model
from deepbridge.common.runs import hashed, run_through
from deepbridge.common.stamp import stamp
from deepbridge.connectivity.landscape import Landscape, check_landscape

METHODS = ("greedy", "coordinate", "activations")  # of alignment


class Job(ABC):
    """A computation that goes on in units of work, and can be written down after each."""

    word = "path"

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Units of work in all."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether nothing is left to do."""

    @property
    @abstractmethod
    def done(self) -> int:
        """Units of work that are over, of `epochs`."""

    @abstractmethod
    def epoch(self) -> None:
        """Do one unit of work."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that changes."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""

    @abstractmethod
    def begun(self) -> list[Tensor]:
        """What it began with, for the identity of its checkpoint."""

    def standing(self) -> TrainingState:
        """There are no callbacks."""
        raise NotImplementedError


def run_job(
    job: Job,
    landscape: Landscape,
    checkpoint: str | Path | None,
    seconds: float,
    settings: dict[str, str],
    progress: bool,
) -> None:
    """All of a computation, from where its checkpoint stands. settings: what else its numbers depend on."""
    identity: dict[str, str] = {}
    if checkpoint is not None:
        begun = hashed([tensor.cpu().numpy() for tensor in job.begun()])
        identity = {"code": stamp(), "device": model(landscape.device), "dtype": str(landscape.dtype), "start": begun}
        if landscape.device.type == "cpu":
            identity["threads"] = str(torch.get_num_threads())
        identity |= landscape.identity() | settings
    run_through(job, landscape.device, checkpoint, seconds, identity, progress, word=job.word)


def ends_of(landscape: Landscape, start: Any, end: Any, alignment: str | None, seed: Seed) -> tuple[Tensor, Tensor]:
    """Two minima as points, the second one aligned to the first if that is asked for."""
    first, second = all_of(landscape, [start, end], alignment, seed)
    if torch.equal(first, second):
        raise InvalidInputError("start and end are the same point; there is no path between them")
    return first, second


def all_of(landscape: Landscape, minima: Any, alignment: str | None, seed: Seed) -> list[Tensor]:
    """Minima as points, all but the first aligned to the first if that is asked for."""
    check_landscape(landscape)
    first, *others = minima
    if alignment is not None:
        one_of("alignment", alignment, METHODS)
        others = [landscape.aligned(one, first, alignment, seed) for one in others]
    return [landscape.point(one) for one in (first, *others)]
