"""What long computations on a landscape share: their ends, checkpoints, and a progress bar."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from binland.callbacks import TrainingState
from binland.checks import one_of
from binland.errors import InvalidInputError, shown
from binland.rng import Seed
from deepbridge.common.checkpoints import part
from deepbridge.common.devices import model
from deepbridge.common.runs import hashed, run_through
from deepbridge.common.stamp import stamp
from deepbridge.connectivity.batches import Batches
from deepbridge.connectivity.landscape import Landscape, check_landscape

MOST_MINIMA = 1000
METHODS = ("greedy", "coordinate", "activations")  # of alignment
Kind = TypeVar("Kind")
TRIED = 256  # patterns on which a landscape is tried, to know it again


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


class EpochJob(Job):
    """A descent on mini-batches, epoch by epoch, within a budget of gradients.

    key: number of its random stream. steps: that are done. losses: of the steps of the present epoch. history: mean
    loss of the steps of every epoch. spent: whether the budget is used up; with a larger one it goes on from there.
    """

    budget: int | None = None

    def __init__(self, landscape: Landscape, epochs: int, batch_size: int, rng: np.random.Generator):
        self.landscape, self._epochs = landscape, epochs
        self.batches = Batches(landscape.n_patterns, batch_size, rng, "batches")
        self.key = int(rng.integers(2**63))
        self.steps = self.gradients = 0
        self.losses: list[float] = []
        self.history: list[float] = []
        self.spent = False

    @property
    def epochs(self) -> int:
        """Passes over the data."""
        return self._epochs

    @property
    def done(self) -> int:
        """Passes that are over."""
        return self.steps // self.batches.per_epoch

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or the budget is used up."""
        return self.spent or self.done == self.epochs

    @property
    @abstractmethod
    def per_step(self) -> int:
        """Gradients of a step."""

    @abstractmethod
    def step(self, step: int, epoch: int) -> float:
        """One step on mini-batch `step`; returns the mean loss."""

    @abstractmethod
    def moving(self) -> Tensor:
        """What moves."""

    def epoch(self) -> None:
        """A pass over the data, or the rest of it."""
        epoch = self.done
        while self.done == epoch:
            if self.budget is not None and self.gradients + self.per_step > self.budget:
                self.spent = True
                return
            self.losses.append(self.step(self.steps, epoch))
            self.gradients += self.per_step
            self.steps += 1
        if not self.moving().isfinite().all():
            raise InvalidInputError(f"the {self.word} diverged in epoch {epoch + 1}; lower learning_rate")
        self.history.append(float(np.mean(self.losses)))
        self.losses = []

    def state(self) -> dict[str, Any]:
        """Counts and losses."""
        return {name: getattr(self, name) for name in ("steps", "gradients", "losses", "history")}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        steps, gradients = (part(state, name, int) for name in ("steps", "gradients"))
        if not 0 <= steps <= self.epochs * self.batches.per_epoch or gradients < 0:
            raise ValueError(f"step {steps} of {self.epochs * self.batches.per_epoch}, {gradients} gradients")
        losses, history = ([float(one) for one in part(state, name, list)] for name in ("losses", "history"))
        self.steps, self.gradients, self.losses, self.history = steps, gradients, losses, history


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
        identity["landscape"] = numbers_near(landscape, job.begun()[0].view(-1, landscape.size)[0])
        if landscape.device.type == "cpu":
            identity["threads"] = str(torch.get_num_threads())
        identity |= landscape.identity() | settings
    run_through(job, landscape.device, checkpoint, seconds, identity, progress, word=job.word)


def settings_of(settings: Any, kind: type[Kind]) -> Kind:
    """Settings of a method, or its defaults for None; raises InvalidInputError if they are of another kind."""
    chosen = kind() if settings is None else settings
    if not isinstance(chosen, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InvalidInputError(f"settings={shown(settings)} is not {article} {kind.__name__}(...)")
    return chosen


def numbers_near(landscape: Landscape, point: Tensor) -> str:
    """Losses and slopes at a point and at another one, to three digits.

    They tell apart what has the same name: functions, and modules that differ in what is no parameter. Three digits,
    since the last ones may depend on where arrays lie in memory.
    """
    aside = np.random.default_rng(0).standard_normal(landscape.size)
    step = torch.from_numpy(aside).to(point) * max(float(point.std(correction=0)), 0.1)
    batch = None if landscape.n_patterns <= TRIED else torch.arange(TRIED)
    losses, gradients = landscape.gradients(torch.stack([point, point + step]), batch)
    slopes = gradients.double() @ step.double()
    return " ".join(f"{number:.3g}" for number in [*losses.tolist(), *slopes.tolist()])


def ends_of(landscape: Landscape, start: Any, end: Any, alignment: str | None, seed: Seed) -> tuple[Tensor, Tensor]:
    """Two minima as points, the second one aligned to the first if that is asked for."""
    first, second = all_of(landscape, [start, end], alignment, seed)
    return first, second


def minima_of(landscape: Landscape, minima: Any, alignment: str | None, seed: Seed) -> Tensor:
    """Two or more minima as points (M, n), all but the first aligned to the first if that is asked for."""
    if not isinstance(minima, (list, tuple, np.ndarray)) or not 2 <= len(minima) <= MOST_MINIMA:
        raise InvalidInputError(f"minima={shown(minima)} is not a list of 2 to {MOST_MINIMA} minima")
    return torch.stack(all_of(landscape, minima, alignment, seed))


def all_of(landscape: Landscape, minima: Any, alignment: str | None, seed: Seed) -> list[Tensor]:
    """Minima as points, all but the first aligned to the first if that is asked for."""
    check_landscape(landscape)
    first, *others = minima
    if alignment is not None:
        one_of("alignment", alignment, METHODS)
        others = [landscape.aligned(one, first, alignment, seed) for one in others]
    return [landscape.point(one) for one in (first, *others)]
