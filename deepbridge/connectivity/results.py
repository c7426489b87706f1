"""Paths through a landscape, as the methods here return them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import number_between
from binland.summary import Summary
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.measured import Sampled
from deepbridge.connectivity.path import OnPath


@dataclass(frozen=True, eq=False, repr=False)
class LandscapePath(OnPath, Summary):
    """A path between two minima of a landscape, with the losses and errors on it.

    Attributes
    ----------
    ts : numpy.ndarray of shape (T,)
        Places of the points by length along the path, 0 at the start and 1 at the end.
    error_counts : numpy.ndarray of shape (T,), int64, or None
        Number of wrong labels at each place; None for functions without labels.
    n_patterns : int
        Number of train patterns P.
    losses : numpy.ndarray of shape (T,)
        Mean cross-entropy in nats, or values of the function.
    kind : str
        "line", "autoneb", "bezier", "polygon" or "bend".
    length : float
        Length of the path in weight space; geodesic on a toroid.
    corners : numpy.ndarray of shape (K, n)
        Flat parameters of the polygon's corners, ends included.
    gradients : int
        Number of gradients that were computed, each of one network on one mini-batch.
    evaluations : int
        Number of networks that were evaluated on all train or test data.
    complete : bool
        Whether the computation came to its end, rather than to that of its budget.
    history : numpy.ndarray
        Highest loss on the path: before every cycle of AutoNEB and at the end; empty for lines.
    test_errors, test_losses : numpy.ndarray of shape (T,), or None
        The same on test data, if the landscape has any.
    landscape : Landscape
        Where the path leads.
    """

    kind: str
    length: float
    corners: NDArray[Any]
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
    def detour(self) -> float:
        """Length of the path over that of the shortest line between its ends, at least 1."""
        ends = torch.from_numpy(self.corners[[0, -1]])
        return self.length / float(self.landscape.geometry.lengths(ends).sum())

    def point(self, t: float) -> NDArray[Any]:
        """Flat parameters at a place on the path.

        Parameters
        ----------
        t : float
            Place by length, in [0, 1].

        Returns
        -------
        numpy.ndarray of shape (n,)
            The parameters.

        Raises
        ------
        InvalidInputError
            If t is outside [0, 1].
        """
        return self._at(number_between("t", t, 0, 1)).numpy()

    def solution(self, t: float) -> Any:
        """The network at a place on the path, with batch-norm statistics of the train data.

        Parameters
        ----------
        t : float
            Place by length, in [0, 1].

        Returns
        -------
        ContinuousSolution, Solution or numpy.ndarray
            What the landscape is of.

        Raises
        ------
        InvalidInputError
            If t is outside [0, 1].
        """
        return self.landscape.solution(self._at(number_between("t", t, 0, 1)))

    def _at(self, t: float) -> Tensor:
        corners, geometry = torch.from_numpy(self.corners), self.landscape.geometry
        marks = np.concatenate([[0.0], geometry.lengths(corners).numpy().cumsum()])
        place = t * marks[-1]
        k = int(np.clip(np.searchsorted(marks, place, side="right") - 1, 0, len(corners) - 2))
        size = marks[k + 1] - marks[k]
        share = (place - marks[k]) / size if size > 0 else 0.0
        return geometry.between(corners[k], corners[k + 1], torch.tensor([share], dtype=torch.float64))[0]


def path_of(
    kind: str,
    landscape: Landscape,
    corners: Tensor,
    values: Sampled,
    *,
    gradients: int = 0,
    evaluations: int = 0,
    complete: bool = True,
    history: NDArray[np.float64] | None = None,
) -> LandscapePath:
    """The result of a method from the values on its polygon."""
    train, test = values.train, values.test
    return LandscapePath(
        values.ts, train.error_counts, train.n_patterns, train.losses, kind,
        float(landscape.geometry.lengths(corners).sum()), corners.detach().cpu().numpy(), gradients, evaluations,
        complete, np.empty(0) if history is None else history, None if test is None else test.errors,
        None if test is None else test.losses, landscape,
    )  # fmt: skip
