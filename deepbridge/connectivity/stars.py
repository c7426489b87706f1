"""Star centres: one point from which the lines to many minima are low (Lin, Li and Wu 2024)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import positive, positive_int
from binland.errors import InvalidInputError
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.checkpoints import checked, part
from deepbridge.connectivity.descent import Adam
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.lines import straight
from deepbridge.connectivity.measured import at_places
from deepbridge.connectivity.results import LandscapePath, path_of
from deepbridge.connectivity.run import EpochJob, minima_of, run_job, settings_of
from deepbridge.connectivity.shapes import Polygon


@dataclass(frozen=True, kw_only=True)
class Star:
    """Settings of `star`; the defaults are those of Lin, Li and Wu.

    Parameters
    ----------
    epochs : int, default 200
        Passes over the train data; steps, for functions without data.
    learning_rate : float, default 0.01
        Step size of Adam.
    batch_size : int, default 128
        Patterns in a mini-batch.
    feet : int, default 1
        Minima that are drawn in a step, or all if there are fewer.
    draws : int, default 3
        Places t that are drawn on the line to each of them.
    penalty : float, default 0.0
        Factor of the mean squared distance of the centre from the minima that is added to the loss.
    points : int, default 25
        Evenly spaced places on each line at which the star is measured at the end.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Lin, Li, Wu, Exploring Neural Network Landscapes: Star-Shaped and Geodesic Connectivity, 2024 (arXiv 2404.06391).

    Examples
    --------
    >>> import deepbridge as db
    >>> db.connectivity.Star(epochs=20).draws
    3
    """

    epochs: int = 200
    learning_rate: float = 0.01
    batch_size: int = 128
    feet: int = 1
    draws: int = 3
    penalty: float = 0.0
    points: int = 25

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "feet", "draws"):
            positive_int(name, getattr(self, name))
        positive_int("points", self.points, minimum=2)
        positive("learning_rate", self.learning_rate)
        positive("penalty", self.penalty, zero=True)


@dataclass(frozen=True, eq=False, repr=False)
class StarPaths(Summary):
    """A centre, and the lines from it to the minima (`star`).

    Attributes
    ----------
    lines : tuple of LandscapePath
        From the centre to each minimum.
    direct : numpy.ndarray of shape (M, M)
        Highest losses on the direct lines between the minima; of each minimum on the diagonal.
    direct_errors : numpy.ndarray of shape (M, M), or None
        Highest train errors there.
    history : numpy.ndarray of shape (epochs,)
        Mean loss of the steps of every epoch.
    gradients : int
        Number of gradients that were computed.
    complete : bool
        Whether the training came to its end, rather than to that of its budget.
    """

    lines: tuple[LandscapePath, ...]
    direct: NDArray[np.float64]
    direct_errors: NDArray[np.float64] | None
    history: NDArray[np.float64]
    gradients: int
    complete: bool

    _shown = ("highest_loss", "barrier", "n_minima", "direct", "gradients", "complete")

    @property
    def n_minima(self) -> int:
        """Number of minima M."""
        return len(self.lines)

    @property
    def centre(self) -> Any:
        """The network at the centre."""
        return self.lines[0].solution(0.0)

    @property
    def highest_loss(self) -> float:
        """The highest loss on all lines."""
        return max(line.highest_loss for line in self.lines)

    @property
    def barrier(self) -> float:
        """The highest train error on all lines; nan without labels."""
        return max(line.barrier for line in self.lines)

    def path(self, first: int, second: int) -> LandscapePath:
        """The path with one bend from a minimum over the centre to another.

        Parameters
        ----------
        first, second : int
            Numbers of two minima, from 0.

        Returns
        -------
        LandscapePath
            Measured at the same points as the lines; ``.detour`` is its length over that of the direct line.

        Raises
        ------
        InvalidInputError
            If there are no such minima, or both are the same.
        """
        for name, k in (("first", first), ("second", second)):
            if positive_int(name, k, minimum=0) >= self.n_minima:
                raise InvalidInputError(f"{name}={k} is not one of the {self.n_minima} minima, counted from 0")
        if first == second:
            raise InvalidInputError(f"first and second are both {first}; give two different minima")
        one, other = self.lines[first].shape.corners, self.lines[second].shape.corners
        landscape = self.lines[0].landscape
        shape = Polygon(torch.stack([one[1], one[0], other[1]]), landscape.geometry, by_length=False)
        values = at_places(landscape, shape, 2 * self.lines[0].n_points - 1)
        about: dict[str, Any] = {"gradients": self.gradients, "complete": self.complete, "history": self.history}
        return path_of("star", landscape, shape, values, **about)


def star(
    landscape: Landscape,
    minima: Sequence[Any],
    settings: Star | None = None,
    seed: Seed = 0,
    *,
    alignment: str | None = None,
    budget: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> StarPaths:
    """A point from which the straight lines to all minima have a low loss; with two minima, a path with one bend.

    The centre begins at the mean of the minima. In each step a minimum and places on the line to it are drawn, and the
    centre descends the mean loss there.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    minima : sequence of ContinuousSolution, Solution or array_like
        Two to 1000 minima; arrays are flat parameters (n,).
    settings : Star, optional
        Epochs, learning rate and so on; by default the published ones.
    seed : int, SeedSequence or Generator, default 0
        Fixes mini-batches, what is drawn, and the alignment.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How all other minima are aligned to the first one before; None, the default, takes them as they are.
    budget : int, optional
        Largest number of gradients. When it is used up, the star is measured as it is; the same call with
        a larger one goes on from the checkpoint.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption.
    checkpoint_seconds : float, default 300.0
        How often it is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.

    Returns
    -------
    StarPaths
        ``.centre``, ``.lines``, ``.highest_loss``, ``.barrier``, ``.path(i, j)``, and ``.direct`` without the centre.

    Raises
    ------
    InvalidInputError
        If there are fewer than two minima, they do not fit, or the centre becomes infinite.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    On a landscape with ``geometry="toroid"`` the centre stays on the spheres, and points of the lines are brought onto
    them during the training; at the end the lines are geodesics.

    References
    ----------
    Lin, Li, Wu, Exploring Neural Network Landscapes: Star-Shaped and Geodesic Connectivity, 2024 (arXiv 2404.06391).

    Examples
    --------
    >>> import deepbridge as db
    >>> ring = db.connectivity.Function(lambda x: (x.square().sum() - 1) ** 2, size=2)
    >>> found = db.connectivity.star(ring, [[-1, 0], [0, 1]], db.connectivity.Star(epochs=100))
    >>> bool(found.highest_loss < found.direct[0, 1])
    True
    """
    chosen = settings_of(settings, Star)
    feet = minima_of(landscape, minima, alignment, seed)
    training = StarTraining(landscape, feet, chosen, seed)
    training.budget = None if budget is None else positive_int("budget", budget)
    settled = {"settings": repr(chosen), "seed": str(training.key)}
    run_job(training, landscape, checkpoint, checkpoint_seconds, settled, progress)
    return training.result()


class StarTraining(EpochJob):
    """A centre in training. feet: (M, n). centre: (1, n)."""

    word = "star"

    def __init__(self, landscape: Landscape, feet: Tensor, settings: Star, seed: Seed):
        super().__init__(landscape, settings.epochs, settings.batch_size, generator(seed, "star"))
        self._feet, self._settings = feet, settings
        self.centre = landscape.geometry.onto(feet.mean(0, keepdim=True)).clone()
        self._adam = Adam()

    @property
    def _drawn(self) -> int:
        """Minima that are drawn in a step."""
        return min(self._settings.feet, len(self._feet))

    @property
    def per_step(self) -> int:
        """A gradient for each place on each line."""
        return self._drawn * self._settings.draws

    def moving(self) -> Tensor:
        """The centre."""
        return self.centre

    def step(self, step: int, epoch: int) -> float:
        """One step of the centre."""
        settings, geometry = self._settings, self.landscape.geometry
        rng = np.random.default_rng([self.key, step])
        drawn = rng.choice(len(self._feet), self._drawn, replace=False)
        feet = self._feet[torch.from_numpy(np.repeat(drawn, settings.draws))]
        ts = torch.from_numpy(rng.random(len(feet))).to(feet)[:, None]
        raw = torch.lerp(self.centre, feet, ts)
        losses, found = self.landscape.gradients(geometry.onto(raw), self.batches[step])
        slope = ((1 - ts) * geometry.pulled_back(raw, found)).mean(0, keepdim=True)
        if settings.penalty:
            slope.add_(self.centre - self._feet.mean(0), alpha=2 * settings.penalty)
        self._adam.step(self.centre, geometry.along(self.centre, slope), settings.learning_rate)
        self.centre = geometry.onto(self.centre)
        return float(losses.mean())

    def result(self) -> StarPaths:
        """The lines, and the direct ones beside them, measured."""
        points = self._settings.points
        lines = tuple(straight(self.landscape, self.centre[0], foot, points) for foot in self._feet)
        direct, errors = line_heights(self.landscape, self._feet, points)
        return StarPaths(lines, direct, errors, np.array(self.history), self.gradients, not self.spent)

    def begun(self) -> list[Tensor]:
        """The minima."""
        return [self._feet]

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        adam = {"mean": self._adam.mean, "square": self._adam.square, "steps": self._adam.count}
        return super().state() | adam | {"centre": self.centre}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        steps, centre = part(state, "steps", int), checked("centre", state["centre"], self.centre)
        if steps:
            mean, square = (checked(name, state[name], self.centre) for name in ("mean", "square"))
            self._adam.mean, self._adam.square = mean.clone(), square.clone()
        super().restore(state)
        self._adam.count, self.centre = steps, centre.clone()


def line_heights(
    landscape: Landscape, minima: Tensor, points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Highest losses and train errors (M, M) on the lines between minima; their own on the diagonals."""
    own, count = landscape.values(minima), len(minima)
    losses, errors = np.diag(own.losses), None if own.errors is None else np.diag(own.errors)
    for i in range(count):
        for j in range(i):
            values = straight(landscape, minima[i], minima[j], points, test=False)
            losses[i, j] = losses[j, i] = values.highest_loss
            if errors is not None:
                errors[i, j] = errors[j, i] = values.barrier
    return losses, errors
