"""Errors in the plane through three continuous networks (paper, section 4.2, Figs. 4 and 11 to 16)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import true_or_false
from binland.geometry import barycentric, grid
from binland.results import Plane
from deepbridge.common.data import limited
from deepbridge.common.devices import Device, as_device
from deepbridge.continuous.evaluation import Row, restated, scores
from deepbridge.continuous.examples import Data, Examples, as_examples
from deepbridge.continuous.solutions import ContinuousSolution, check_same
from deepbridge.continuous.units import STATISTICS, State

Three = tuple[ContinuousSolution, ContinuousSolution, ContinuousSolution]


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousPlane(Plane):
    """Errors and losses on a grid in the plane through the parameters of three networks; see `binland.Plane`.

    Attributes
    ----------
    errors, x, y, corners, corner_errors
        As in `binland.Plane`.
    losses : numpy.ndarray of shape (points, points)
        Mean cross-entropy in nats.
    test_errors : numpy.ndarray of shape (points, points), or None
        Errors on test data, if they were given.
    solutions : tuple of ContinuousSolution
        The three networks.
    """

    losses: NDArray[np.float64]
    test_errors: NDArray[np.float64] | None
    solutions: Three

    def place(self, solution: ContinuousSolution) -> tuple[float, float]:
        """Coordinates of the point of the plane that is nearest to a network, such as one on a geodesic.

        Parameters
        ----------
        solution : ContinuousSolution
            A solution of the same network.

        Returns
        -------
        tuple of float
            (x, y)

        Raises
        ------
        InvalidInputError
            If the networks differ.
        """
        check_same(self.solutions[0], solution)
        origin, second, third, point = (one.flat.astype(np.float64) for one in (*self.solutions, solution))
        sides = np.stack([second - origin, third - origin])
        shares = np.linalg.solve(sides @ sides.T, sides @ (point - origin))
        x, y = shares @ self.corners[1:]
        return float(x), float(y)


def plane(
    first: ContinuousSolution,
    second: ContinuousSolution,
    third: ContinuousSolution,
    data: Data,
    points: int = 31,
    margin: float = 0.2,
    *,
    test: Data | None = None,
    reestimate: bool = True,
    device: Device = "cpu",
) -> ContinuousPlane:
    """Errors on a grid in the plane through the parameters of three continuous networks.

    Networks are taken as they are: normalise and align them before. Between the corners the plane leaves the spheres of
    normalised networks; ``.place(solution)`` shows where a network, for example on a geodesic, is projected to.

    Parameters
    ----------
    first, second, third : ContinuousSolution
        Solutions of the same network. The first is the origin, the second lies on the x axis, the third has y > 0
        (Gram-Schmidt on all parameters).
    data : Dataset, Patterns or tuple
        Data on which errors are counted.
    points : int, default 31
        Grid points along each axis, 2 to 10 000.
    margin : float, default 0.2
        How far the grid extends beyond the networks, as a fraction of their extent, 0 or more.
    test : Dataset, Patterns or tuple, optional
        Test data, whose errors are computed as well.
    reestimate : bool, default True
        Whether batch-norm statistics are estimated anew on `data` at every grid point; else they are interpolated.
    device : str or torch.device, default "cpu"
        Where it is computed.

    Returns
    -------
    ContinuousPlane
        ``.errors``, ``.losses``, coordinates, and ``.corner_errors``.

    Raises
    ------
    InvalidInputError
        If networks or data do not fit, or the three lie on one line.
    """
    three = (first, second, third)
    for other in three[1:]:
        check_same(first, other)
    target, network = as_device(device), first.network
    points = limited("points", points, 10_000, minimum=2)
    train = as_examples(network, data).to(target, first.dtype)
    places = grid([one.flat for one in three], points, margin)
    inside = np.stack([np.tile(places.x, points), np.repeat(places.y, points)], axis=1)
    row = Sums(three, barycentric(places.corners, inside), train if true_or_false("reestimate", reestimate) else None)
    corners = scores(network, Sums(three, np.eye(3), None), train, target)
    found, shape = scores(network, row, train, target), (points, points)
    tested = None
    if test is not None:
        examples = as_examples(network, test).to(target, first.dtype)
        tested = scores(network, row, examples, target).errors.reshape(shape) / len(examples)
    errors = found.errors.reshape(shape) / len(train)
    return ContinuousPlane(
        errors,
        places.x,
        places.y,
        places.corners,
        corners.errors / len(train),
        found.losses.reshape(shape),
        tested,
        three,
    )


class Sums(Row):
    """Sums of three networks with weights (T, 3) that add up to 1; integer counters are those of the first.

    Running statistics use only the positive weights: outside the triangle a variance could be negative.
    """

    def __init__(self, three: Three, shares: NDArray[np.float64], statistics: Examples | None):
        self._three, self._shares, self._statistics = three, shares, statistics
        self.corners = tuple(one.state for one in three)

    def __len__(self) -> int:
        return len(self._shares)

    def state(self, i: int) -> State:
        """Tensors of network i."""
        shares = self._shares[i]
        inside = shares.clip(0) / shares.clip(0).sum()
        state = {
            name: self._sum(name, inside if name.endswith(STATISTICS) else shares)
            if tensor.is_floating_point()
            else tensor
            for name, tensor in self.corners[0].items()
        }
        return state if self._statistics is None else restated(self._three[0].network, state, self._statistics)

    def _sum(self, name: str, shares: NDArray[np.float64]) -> Tensor:
        first, second, third = (share * one[name] for share, one in zip(shares.tolist(), self.corners, strict=True))
        return first + second + third

    def entrance(self, i: int) -> Tensor | None:
        """The weights of network i, (3, 1)."""
        return torch.from_numpy(self._shares[i][:, None])
