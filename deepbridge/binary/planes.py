"""The error in the plane through three solutions (paper, section 4.2, appendix B, Figs. 8 and 20 to 23)."""

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, as_signs
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.geometry import barycentric, grid
from binland.results import Plane
from deepbridge.binary.counting import Walk
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import check_fit
from deepbridge.binary.solutions import Solution, check_same
from deepbridge.common.data import Dataset, limited
from deepbridge.common.devices import Device

__all__ = ["Plane", "plane"]


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
    places = grid([_latents(solution) for solution in solutions], points, margin)
    corners = places.corners
    at_corners = Walk.through([solution.flat for solution in solutions], _ties(solutions, corners, corners))
    corner_counts = error_counts(first.network, dataset, at_corners, device)
    counts = []
    for y in places.y:  # a walk for every row: all of them at once would need memory
        row = np.stack([places.x, np.full(points, y)], axis=1)
        weights = (as_signs(places.at(*place)) for place in row)
        walk = Walk.through(weights, _ties(solutions, corners, row))
        counts.append(error_counts(first.network, dataset, walk, device))
    p = dataset.n_patterns
    return Plane(np.array(counts) / p, places.x, places.y, corners, corner_counts / p)


def _ties(
    solutions: tuple[Solution, ...], corners: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[Signs, ...]:
    """Per layer (T, H) at places (T, 2): signs of the ties that the solutions have, interpolated."""
    shares = barycentric(corners, places)
    layers = zip(*(solution.ties for solution in solutions), strict=True)
    return tuple(as_signs(np.round(shares @ np.stack(layer), 9)) for layer in layers)


def _latents(solution: Solution) -> NDArray[np.float32]:
    """Flat, layer by layer, row-major."""
    if solution.latents is None:
        raise InvalidInputError(f"{shown(solution)} has no latents, which span the plane; keep those of `fit`")
    return np.concatenate([layer.reshape(-1) for layer in solution.latents])
