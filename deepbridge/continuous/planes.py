"""Errors in the plane through three networks (paper, section 4.2, Figs. 4 and 11 to 16)."""

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
    """Train errors on a grid in the plane of the parameters of three networks; see `Plane`.

    losses: (points, points) mean cross-entropy in nats. test_errors: (points, points), if test data were given.
    solutions: the three.
    """

    losses: NDArray[np.float64]
    test_errors: NDArray[np.float64] | None
    solutions: Three

    def place(self, solution: ContinuousSolution) -> tuple[float, float]:
        """Coordinates of the point of the plane that is nearest to a network, such as one on a geodesic."""
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
    """Errors of the networks in the plane through three of them, as they are: normalise and align them before.

    The origin is the first, the x axis points to the second, and the third has y > 0 (Gram-Schmidt on all parameters).
    margin: how far the grid goes beyond them, as a fraction of their extent. reestimate: whether batch-norm statistics
    are re-estimated at every point, else they are interpolated. The plane leaves the normalised space between the
    corners; `place` shows where paths run. Raises InvalidInputError if networks or data do not fit, or on one line.
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
    """Sums of three networks, weighted by shares (T, 3) that add up to 1; counters are those of the first.

    Running statistics are weighted by what is positive of the shares: outside a variance could be negative.
    """

    def __init__(self, three: Three, shares: NDArray[np.float64], statistics: Examples | None):
        self._three, self._shares, self._statistics = three, shares, statistics
        self.corners = tuple(one.state for one in three)

    def __len__(self) -> int:
        return len(self._shares)

    def state(self, i: int) -> State:
        """Tensors of sum i."""
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
        """(3, 1) the shares."""
        return torch.from_numpy(self._shares[i][:, None])
