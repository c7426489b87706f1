"""Jump and retrain: samples of the low-loss region around a solution (Horoi et al. 2022)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import checked_memory, one_of, positive, positive_int, share_kept
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.checkpoints import checked, part
from deepbridge.connectivity.descent import Momentum
from deepbridge.connectivity.directions import NORMALIZATIONS, random_directions
from deepbridge.connectivity.landscape import Landscape, Values, check_landscape
from deepbridge.connectivity.measured import joined
from deepbridge.connectivity.run import EpochJob, run_job, settings_of

MOST_SAMPLES = 10**5
AUGMENTATIONS = ("none", "flips-and-crops")
Augmentation = Literal["none", "flips-and-crops"]
TOGETHER = 64  # points whose values are computed at once


@dataclass(frozen=True, kw_only=True)
class JumpAndRetrain:
    """Settings of `jump_and_retrain`; the defaults are those of Horoi et al.

    Parameters
    ----------
    directions : int, default 4
        Random directions.
    steps : sequence of float, default (0.25, 0.5, 0.75, 1.0)
        How far to jump along each of them; 1 is the length of the weights, filter by filter.
    epochs : int, default 40
        Passes over the train data after each jump; steps, for functions without data.
    learning_rate : float, default 1e-3
        Constant step size of the retraining.
    batch_size : int, default 128
        Patterns in a mini-batch; every run has its own.
    momentum : float, default 0.9
        In [0, 1).
    weight_decay : float, default 1e-4
        Factor of the weights that is added to the gradient.
    normalization : {"filter", "layer", "none"}, default "filter"
        Of the directions, as in `random_directions`.
    augmentation : {"none", "flips-and-crops"}, default "none"
        "flips-and-crops": images are mirrored and shifted at random each time they are learnt, as in
        `deepbridge.continuous.SGD`. It suits solutions that were trained so.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Horoi et al., Exploring the Geometry and Topology of Neural Network Loss Landscapes, IDA 2022, section 3.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.connectivity.JumpAndRetrain(epochs=2).n_samples
    49
    """

    directions: int = 4
    steps: Sequence[float] = (0.25, 0.5, 0.75, 1.0)
    epochs: int = 40
    learning_rate: float = 1e-3
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 1e-4
    normalization: str = "filter"
    augmentation: Augmentation = "none"

    def __post_init__(self) -> None:
        for name in ("directions", "epochs", "batch_size"):
            positive_int(name, getattr(self, name))
        if not isinstance(self.steps, (list, tuple)) or not self.steps:
            raise InvalidInputError(f"steps={shown(self.steps)} is not a list of numbers, such as [0.25, 0.5]")
        object.__setattr__(self, "steps", tuple(positive("step", step) for step in self.steps))
        positive("learning_rate", self.learning_rate)
        share_kept("momentum", self.momentum)
        positive("weight_decay", self.weight_decay, zero=True)
        one_of("normalization", self.normalization, NORMALIZATIONS)
        one_of("augmentation", self.augmentation, AUGMENTATIONS)
        if self.n_samples > MOST_SAMPLES:
            raise InvalidInputError(f"{self.n_samples} samples are more than {MOST_SAMPLES}; take less")

    @property
    def n_runs(self) -> int:
        """Retrainings: directions times steps."""
        return self.directions * len(self.steps)

    @property
    def n_samples(self) -> int:
        """The solution, and every run right after its jump and after each epoch."""
        return 1 + self.n_runs * (self.epochs + 1)


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Summary):
    """Points around a solution, with their losses (`jump_and_retrain`).

    Attributes
    ----------
    points : numpy.ndarray of shape (S, n)
        Flat parameters. The first row is the solution; then come all runs right after the jump, then all runs after
        each epoch.
    direction : numpy.ndarray of shape (S,), int64
        Number of the direction, -1 for the solution.
    step : numpy.ndarray of shape (S,)
        Length of the jump, 0 for the solution.
    epoch : numpy.ndarray of shape (S,), int64
        Epochs of retraining since the jump.
    losses : numpy.ndarray of shape (S,)
        Train losses.
    errors : numpy.ndarray of shape (S,), or None
        Train errors; None for functions without labels.
    test_losses, test_errors : numpy.ndarray of shape (S,), or None
        The same on test data, if the landscape has any.
    gradients : int
        Number of gradients that were computed.
    """

    points: NDArray[Any]
    direction: NDArray[np.int64]
    step: NDArray[np.float64]
    epoch: NDArray[np.int64]
    losses: NDArray[np.float64]
    errors: NDArray[np.float64] | None
    test_losses: NDArray[np.float64] | None
    test_errors: NDArray[np.float64] | None
    gradients: int

    _shown = ("n_samples", "losses", "errors", "test_losses", "gradients")

    @property
    def n_samples(self) -> int:
        """Number of points S."""
        return len(self.points)


def jump_and_retrain(
    landscape: Landscape,
    solution: Any,
    settings: JumpAndRetrain | None = None,
    seed: Seed = 0,
    *,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> Samples:
    """Samples of the low-loss region around a solution: jump away along random directions, and train again from there.

    All runs are trained together; the points after the jumps and after every epoch are kept. They show where training
    goes from around a solution, which linear sections do not.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution, Solution or array_like
        The solution; an array is flat parameters (n,).
    settings : JumpAndRetrain, optional
        Directions, lengths of the jumps, epochs and so on; by default the published ones.
    seed : int, SeedSequence or Generator, default 0
        Fixes directions and mini-batches.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption.
    checkpoint_seconds : float, default 300.0
        How often it is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.

    Returns
    -------
    Samples
        ``.points``, ``.losses``, ``.test_losses``, and which run and epoch each point is of.

    Raises
    ------
    InvalidInputError
        If the solution does not fit, points become infinite, or the samples are beyond the memory of this machine.
    StoreError
        If a checkpoint is damaged or cannot be written.

    References
    ----------
    Horoi et al., Exploring the Geometry and Topology of Neural Network Loss Landscapes, IDA 2022, section 3.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x.square().sum(), size=3)
    >>> settings = db.connectivity.JumpAndRetrain(epochs=20, learning_rate=0.1, momentum=0.0)
    >>> samples = db.connectivity.jump_and_retrain(bowl, [1e-3, 0, 0], settings)
    >>> samples.points.shape, bool(samples.losses[-1] < samples.losses[1])
    ((337, 3), True)
    """
    check_landscape(landscape)
    chosen = settings_of(settings, JumpAndRetrain)
    size = torch.finfo(landscape.dtype).bits // 8
    checked_memory(f"{chosen.n_samples} samples of {landscape.size} weights", chosen.n_samples * landscape.size * size)
    retraining = Retraining(landscape, landscape.point(solution), chosen, seed)
    settled = {"settings": repr(chosen), "seed": str(retraining.key)}
    run_job(retraining, landscape, checkpoint, checkpoint_seconds, settled, progress)
    return retraining.result()


class Retraining(EpochJob):
    """All runs after their jumps. points: (runs, n). kept: points of every epoch, (n_samples, n), on the CPU."""

    word = "retraining"

    def __init__(self, landscape: Landscape, origin: Tensor, settings: JumpAndRetrain, seed: Seed):
        rng = generator(seed, "jump_and_retrain")
        super().__init__(landscape, settings.epochs, settings.batch_size, rng)
        self._settings = settings
        directions = random_directions(
            landscape, origin.cpu().numpy(), settings.directions, settings.normalization, rng
        )
        away = torch.from_numpy(np.kron(directions, np.array(settings.steps)[:, None])).to(origin)
        self.points = landscape.geometry.onto(origin + away)
        self.kept = torch.zeros(settings.n_samples, landscape.size, dtype=landscape.dtype)
        self.kept[0] = origin.cpu()
        self._momentum = Momentum(settings.momentum)
        self._keep()

    def _keep(self) -> None:
        first = 1 + self.done * len(self.points)
        self.kept[first : first + len(self.points)] = self.points.cpu()

    @property
    def per_step(self) -> int:
        """A gradient for each run."""
        return len(self.points)

    def moving(self) -> Tensor:
        """All runs."""
        return self.points

    def step(self, step: int, epoch: int) -> float:
        """One step of all runs, each on a mini-batch of its own."""
        geometry = self.landscape.geometry
        losses, gradients = self._gradients(step)
        gradients = self.landscape.decayed(self.points, gradients, self._settings.weight_decay)
        self._momentum.step(self.points, geometry.along(self.points, gradients), self._settings.learning_rate)
        if geometry.name != "flat":
            self.points = geometry.onto(self.points)
        return float(losses.mean())

    def _gradients(self, step: int) -> tuple[Tensor, Tensor]:
        """Losses and gradients of all runs on the mini-batches of a step, augmented if that is asked for."""
        batch = self.batches.each(step, len(self.points))
        if self._settings.augmentation == "none":
            return self.landscape.gradients(self.points, batch)
        rngs = [np.random.default_rng([self.key, step, run]) for run in range(len(self.points))]
        return self.landscape.gradients_of_views(self.points, batch, rngs)

    def epoch(self) -> None:
        """A pass over the data, after which the points are kept."""
        super().epoch()
        self._keep()

    def result(self) -> Samples:
        """The points with their values."""
        settings = self._settings
        each = np.repeat(np.arange(settings.directions), len(settings.steps))
        lengths = np.tile(np.array(settings.steps, np.float64), settings.directions)
        times = settings.epochs + 1
        direction = np.append(-1, np.tile(each, times))
        train, test = (self._values(here) for here in (False, True))
        assert train is not None
        return Samples(
            self.kept.numpy(), direction, np.append(0.0, np.tile(lengths, times)),
            np.append(0, np.repeat(np.arange(times), len(each))), train.losses, train.errors,
            None if test is None else test.losses, None if test is None else test.errors, self.gradients,
        )  # fmt: skip

    def _values(self, test: bool) -> Values | None:
        if test and not self.landscape.has_test:
            return None
        rows = self.kept.split(TOGETHER)
        return joined([self.landscape.values(some.to(self.landscape.device), None, test) for some in rows])

    def begun(self) -> list[Tensor]:
        """The points after the jumps."""
        return [self.kept[:1], self.points]

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        filled = 1 + (self.done + 1) * len(self.points)
        tensors = {"points": self.points, "velocity": self._momentum.velocity, "kept": self.kept[:filled].clone()}
        return super().state() | tensors

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        points, velocity = checked("points", state["points"], self.points), state["velocity"]
        if velocity is not None:
            velocity = checked("velocity", velocity, self.points).clone()
        super().restore(state)
        filled = 1 + (self.done + 1) * len(self.points)
        self.kept[:filled] = checked("kept", part(state, "kept", Tensor).cpu(), self.kept[:filled])
        self.points, self._momentum.velocity = points.clone(), velocity
