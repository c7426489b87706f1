"""The error in the plane through three solutions (paper, section 4.2, appendix B, Figs. 8 and 20 to 23)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binland.algorithms import positive
from binland.bits import Signs, as_signs
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from deepbridge.binary.counting import Walk
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import check_fit
from deepbridge.binary.solutions import Solution, check_same
from deepbridge.common.data import Dataset, limited
from deepbridge.common.devices import Device
from deepbridge.common.geometry import barycentric, gram_schmidt


@dataclass(frozen=True, eq=False)
class Plane:
    """Train errors on a grid in the plane of the latents of three solutions.

    errors: (points, points) in [0, 1], errors[j, i] at (x[i], y[j]). x, y: (points,) coordinates along the two
    orthonormal directions, in units of the latents. corners: (3, 2) coordinates of the solutions. corner_errors: (3,).
    """

    errors: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    corners: NDArray[np.float64]
    corner_errors: NDArray[np.float64]


def plane(
    first: Solution,
    second: Solution,
    third: Solution,
    data: Dataset | Patterns,
    points: int = 31,
    margin: float = 0.2,
    *,
    device: Device = "cpu",
) -> Plane:
    """Errors of the binarised networks in the plane through three solutions.

    The origin is the first solution, the x axis points to the second, and the third has y > 0 (Gram-Schmidt on the
    latents). At every point the weights are the signs of the latents there, and ties those of the interpolated ties.
    margin: how far the grid goes beyond the solutions, as a fraction of their extent. The grid has the corners' own
    errors in `corner_errors`, not in general among its points.
    Raises InvalidInputError if networks or data do not fit, a solution has no latents, or they lie on one line.
    """
    solutions = (first, second, third)
    for other in solutions[1:]:
        check_same(first, other)
    dataset = check_fit(first.network, data)
    points = limited("points", points, 10_000, minimum=2)
    margin = positive("margin", margin, zero=True)
    origin, *vectors = (_latents(solution) for solution in solutions)
    corners, axes = gram_schmidt(*(vector - origin for vector in vectors))
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = margin * (high - low)
    x, y = (np.linspace(low[k] - pad[k], high[k] + pad[k], points) for k in (0, 1))
    at_corners = Walk.through([solution.flat for solution in solutions], _ties(solutions, corners, corners))
    corner_counts = error_counts(first.network, dataset, at_corners, device)
    counts = []
    for height in y:  # a walk for every row: all of them at once would need memory
        places = np.stack([x, np.full(points, height)], axis=1)
        weights = (as_signs(origin + place @ axes) for place in places)
        walk = Walk.through(weights, _ties(solutions, corners, places))
        counts.append(error_counts(first.network, dataset, walk, device))
    return Plane(np.array(counts) / dataset.n_patterns, x, y, corners, corner_counts / dataset.n_patterns)


def _ties(
    solutions: tuple[Solution, ...], corners: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[Signs, ...]:
    """Per layer (T, H) at places (T, 2): signs of the ties that the solutions have, interpolated."""
    shares = barycentric(corners, places)
    layers = zip(*(solution.ties for solution in solutions), strict=True)
    return tuple(as_signs(np.round(shares @ np.stack(layer), 9)) for layer in layers)


def _latents(solution: Solution) -> NDArray[np.float64]:
    if solution.latents is None:
        raise InvalidInputError(f"{shown(solution)} has no latents, which span the plane; keep those of `fit`")
    return np.concatenate([layer.reshape(-1) for layer in solution.latents]).astype(np.float64)
