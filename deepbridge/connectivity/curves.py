"""Curves between two minima that are trained as a whole: Bezier curves and polygons (Garipov et al. 2018)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import one_of, positive, positive_int, share_kept
from binland.errors import InvalidInputError
from binland.rng import Seed, generator
from deepbridge.common.checkpoints import checked
from deepbridge.connectivity.descent import Momentum
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.measured import at_places
from deepbridge.connectivity.results import LandscapePath, path_of
from deepbridge.connectivity.run import EpochJob, ends_of, run_job, settings_of
from deepbridge.connectivity.shapes import Bezier, Polygon, Shape

KINDS = ("bezier", "polygon")
MOST_BENDS = 1000


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Settings of `curve`; the defaults are those of Garipov et al. for VGG16.

    Parameters
    ----------
    kind : {"bezier", "polygon"}, default "bezier"
        A Bezier curve whose control points are the ends and the bends, or straight lines from bend to bend.
    bends : int, default 1
        Number of points that are trained, 1 to 1000. (Their code counts both ends, too: 3.)
    epochs : int, default 600
        Passes over the train data; steps, for functions without data.
    learning_rate : float, default 0.015
        Step size; constant in the first half, then it falls linearly to a hundredth, which it has in the last tenth.
    batch_size : int, default 128
        Patterns in a mini-batch.
    momentum : float, default 0.9
        In [0, 1).
    weight_decay : float, default 5e-4
        Factor of the curve's point that is added to the gradient there.
    draws : int, default 1
        Points of the curve whose gradients are averaged in a step.
    points : int, default 61
        Evenly spaced places at which the curve is measured at the end, ends included.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Garipov et al., Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs, NeurIPS 2018, sections 3 and A.2.

    Examples
    --------
    >>> import deepbridge as db
    >>> [round(db.connectivity.Curve(epochs=10).rate(epoch), 6) for epoch in (0, 9)]
    [0.015, 0.00015]
    """

    kind: str = "bezier"
    bends: int = 1
    epochs: int = 600
    learning_rate: float = 0.015
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4
    draws: int = 1
    points: int = 61

    def __post_init__(self) -> None:
        one_of("kind", self.kind, KINDS)
        for name in ("bends", "epochs", "batch_size", "draws"):
            positive_int(name, getattr(self, name))
        positive_int("points", self.points, minimum=2)
        if self.bends > MOST_BENDS:
            raise InvalidInputError(f"bends={self.bends} are more than {MOST_BENDS}; take less")
        positive("learning_rate", self.learning_rate)
        positive("weight_decay", self.weight_decay, zero=True)
        share_kept("momentum", self.momentum)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch.

        Parameters
        ----------
        epoch : int
            Epoch, counted from 0.

        Returns
        -------
        float
            learning_rate times the factor of the schedule.
        """
        share = epoch / self.epochs
        factor = 1.0 if share <= 0.5 else 1.0 - (share - 0.5) / 0.4 * 0.99 if share <= 0.9 else 0.01
        return self.learning_rate * factor


def curve(
    landscape: Landscape,
    start: Any,
    end: Any,
    settings: Curve | None = None,
    seed: Seed = 0,
    *,
    alignment: str | None = None,
    budget: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> LandscapePath:
    """A Bezier curve or polygon between two minima, trained so that the mean loss on it is low.

    The ends stay. In each step a place t is drawn uniformly, and the bends descend the gradient of the loss at the
    curve's point there, each in proportion to its share in that point.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    start, end : ContinuousSolution, Solution or array_like
        The minima; arrays are flat parameters (n,).
    settings : Curve, optional
        Kind, number of bends, epochs and so on; by default the published ones, which are long: 600 epochs.
    seed : int, SeedSequence or Generator, default 0
        Fixes mini-batches, places and the alignment.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How `end` is aligned to `start` before; None, the default, takes both as they are.
    budget : int, optional
        Largest number of gradients. When it is used up, the curve is measured as it is; the same call with
        a larger one goes on from the checkpoint.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption.
    checkpoint_seconds : float, default 300.0
        How often it is written, in seconds.
    progress : bool, default True
        Whether to show a bar on a terminal or in a notebook.

    Returns
    -------
    LandscapePath
        ``.losses`` and ``.errors`` at evenly spaced t, ``.highest_loss``, ``.barrier``, ``.corners``. Its ``.history``
        has the mean loss of the steps of every epoch.

    Raises
    ------
    InvalidInputError
        If the minima do not fit the landscape, or points become infinite.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    On a landscape with ``geometry="toroid"`` the curve of the bends is brought onto the spheres, and gradients are
    taken through that.

    References
    ----------
    Garipov et al., Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs, NeurIPS 2018, section 3.

    Examples
    --------
    A ring-shaped valley: the straight line crosses the hill inside, the curve goes around it.

    >>> import deepbridge as db
    >>> ring = db.connectivity.Function(lambda x: (x.square().sum() - 1) ** 2 + 0.1 * x[1], size=2)
    >>> settings = db.connectivity.Curve(epochs=300, weight_decay=0.0)
    >>> path = db.connectivity.curve(ring, [-1, 0], [1, 0], settings)
    >>> bool(path.highest_loss < db.connectivity.line(ring, [-1, 0], [1, 0]).highest_loss / 5)
    True
    """
    chosen = settings_of(settings, Curve)
    first, last = ends_of(landscape, start, end, alignment, seed)
    training = CurveTraining(landscape, first, last, chosen, seed)
    training.budget = None if budget is None else positive_int("budget", budget)
    settled = {"settings": repr(chosen), "seed": str(training.key)}
    run_job(training, landscape, checkpoint, checkpoint_seconds, settled, progress)
    return training.result()


class CurveTraining(EpochJob):
    """A curve in training. corners: (K, n), ends included."""

    word = "curve"

    def __init__(self, landscape: Landscape, start: Tensor, end: Tensor, settings: Curve, seed: Seed):
        super().__init__(landscape, settings.epochs, settings.batch_size, generator(seed, "curve"))
        self._settings = settings
        ts = torch.linspace(0, 1, settings.bends + 2, dtype=torch.float64)
        self.corners = landscape.geometry.between(start, end, ts)
        self._momentum = Momentum(settings.momentum)

    @property
    def shape(self) -> Shape:
        """The curve as it is."""
        if self._settings.kind == "bezier":
            return Bezier(self.corners, self.landscape.geometry)
        return Polygon(self.corners, self.landscape.geometry, by_length=False)

    @property
    def per_step(self) -> int:
        """One gradient for each place that is drawn."""
        return self._settings.draws

    def moving(self) -> Tensor:
        """The bends."""
        return self.corners[1:-1]

    def step(self, step: int, epoch: int) -> float:
        """One step of the bends: each gets the mean of its share in the drawn points times the gradients there."""
        geometry = self.landscape.geometry
        ts: NDArray[np.float64] = np.random.default_rng([self.key, step]).random(self.per_step)
        shares = self.shape.shares(ts).to(self.corners)
        raw = shares @ self.corners
        points = geometry.onto(raw)
        losses, found = self.landscape.gradients(points, self.batches[step])
        found = self.landscape.decayed(points, found, self._settings.weight_decay)
        slopes = (shares[:, 1:-1].T / self.per_step) @ geometry.pulled_back(raw, found)
        bends = self.moving()
        self._momentum.step(bends, geometry.along(bends, slopes), self._settings.rate(epoch))
        if geometry.name != "flat":
            bends.copy_(geometry.onto(bends))
        return float(losses.mean())

    def result(self) -> LandscapePath:
        """The curve, measured."""
        values = at_places(self.landscape, self.shape, self._settings.points)
        return path_of(
            self._settings.kind, self.landscape, self.shape, values, gradients=self.gradients, complete=not self.spent,
            history=self.history,
        )  # fmt: skip

    def begun(self) -> list[Tensor]:
        """The curve at the start."""
        return [self.corners]

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        return super().state() | {"corners": self.corners, "velocity": self._momentum.velocity}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        corners, velocity = checked("corners", state["corners"], self.corners), state["velocity"]
        if velocity is not None:
            velocity = checked("velocity", velocity, self.corners[1:-1]).clone()
        super().restore(state)
        self.corners, self._momentum.velocity = corners.clone(), velocity
