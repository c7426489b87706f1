"""Paths through a landscape, as the methods here return them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import number_between
from binland.summary import Summary
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.measured import Sampled
from deepbridge.connectivity.path import OnPath
from deepbridge.connectivity.shapes import Shape


@dataclass(frozen=True, eq=False, repr=False)
class LandscapePath(OnPath, Summary):
    """A path between two minima of a landscape, with the losses and errors on it.

    Attributes
    ----------
    ts : numpy.ndarray of shape (T,)
        Places of the points, 0 at the start and 1 at the end: by length on lines and bands; the parameter of a curve,
        in which each line of a polygon or star has the same share.
    error_counts : numpy.ndarray of shape (T,), int64, or None
        Number of wrong labels at each place; None for functions without labels.
    n_patterns : int
        Number of train patterns P.
    losses : numpy.ndarray of shape (T,)
        Mean cross-entropy in nats, or values of the function.
    kind : str
        "line", "autoneb", "bezier", "polygon" or "star".
    length : float
        Length of the path in weight space; geodesic on a toroid.
    shape : Shape
        The curve: a polygon or a Bezier curve of some corners.
    gradients : int
        Number of gradients that were computed, each of one network on one mini-batch.
    evaluations : int
        Number of networks that were evaluated on all train or test data.
    complete : bool
        Whether the computation came to its end, rather than to that of its budget.
    history : numpy.ndarray
        Highest loss on the path before every cycle of AutoNEB and at the end; for curves the mean loss of each epoch;
        empty for lines.
    test_errors, test_losses : numpy.ndarray of shape (T,), or None
        The same on test data, if the landscape has any.
    landscape : Landscape
        Where the path leads.
    """

    kind: str
    length: float
    shape: Shape
    gradients: int
    evaluations: int
    complete: bool
    history: NDArray[np.float64]
    test_errors: NDArray[np.float64] | None
    test_losses: NDArray[np.float64] | None
    landscape: Landscape

    _shown = ("kind", "length", "n_points", "highest_loss", "barrier", "gradients", "evaluations", "complete")

    @property
    def saddle(self) -> float:
        """Place of the highest loss, in [0, 1]."""
        return float(self.ts[self.losses.argmax()])

    @property
    def corners(self) -> NDArray[Any]:
        """Flat parameters of the corners, (K, n), ends included."""
        return self.shape.corners.cpu().numpy()

    @property
    def detour(self) -> float:
        """Length of the path over that of the shortest line between its ends, at least 1; nan if they are equal."""
        shortest = float(self.landscape.geometry.lengths(self.shape.corners[[0, -1]]).sum())
        return self.length / shortest if shortest > 0 else math.nan

    def point(self, t: float) -> NDArray[Any]:
        """Flat parameters at a place on the path.

        Parameters
        ----------
        t : float
            Place, in [0, 1].

        Returns
        -------
        numpy.ndarray of shape (n,)
            The parameters.

        Raises
        ------
        InvalidInputError
            If t is outside [0, 1].
        """
        return self._at(t).cpu().numpy()

    def solution(self, t: float) -> Any:
        """The network at a place on the path, with batch-norm statistics of the train data.

        Parameters
        ----------
        t : float
            Place, in [0, 1].

        Returns
        -------
        ContinuousSolution, Solution or numpy.ndarray
            What the landscape is of.

        Raises
        ------
        InvalidInputError
            If t is outside [0, 1].
        """
        return self.landscape.solution(self._at(t))

    def _at(self, t: float) -> Tensor:
        return self.shape.points(np.array([number_between("t", t, 0, 1)]))[0]


def path_of(
    kind: str,
    landscape: Landscape,
    shape: Shape,
    values: Sampled,
    *,
    gradients: int = 0,
    evaluations: int | None = None,
    complete: bool = True,
    history: Sequence[float] | NDArray[np.float64] = (),
) -> LandscapePath:
    """The result of a method from the values on its path; evaluations: None for those of the values alone."""
    train, test = values.train, values.test
    return LandscapePath(
        values.ts, train.error_counts, train.n_patterns, train.losses, kind, shape.length(values.ts), shape, gradients,
        values.evaluations if evaluations is None else evaluations, complete, np.array(history, np.float64),
        None if test is None else test.errors, None if test is None else test.losses, landscape,
    )  # fmt: skip
