"""Errors in the plane through three binary networks (paper, section 4.2, appendix B, Figs. 8 and 20 to 23)."""

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
    """Errors on a grid in the plane through the latents of three binary networks.

    At every grid point the weights are the signs of the latents there, and ties the signs of the interpolated ties.

    Parameters
    ----------
    first, second, third : Solution
        Solutions of the same network, with latents. The first is the origin, the second lies on the x axis, the third
        has y > 0 (Gram-Schmidt on the latents).
    data : Dataset or Patterns
        Data on which errors are counted.
    points : int, default 31
        Grid points along each axis, 2 to 10 000.
    margin : float, default 0.2
        How far the grid extends beyond the solutions, as a fraction of their extent, 0 or more.
    device : str or torch.device, default "cpu"
        Where errors are counted; they are exact everywhere.

    Returns
    -------
    Plane
        ``.errors`` on the grid, coordinates, and ``.corner_errors`` of the solutions, which in general are not grid
        points.

    Raises
    ------
    InvalidInputError
        If networks or data do not fit, a solution has no latents, or the three lie on one line.
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
    """Ties per layer, (T, H), at places (T, 2): the signs of the interpolated ties."""
    shares = barycentric(corners, places)
    layers = zip(*(solution.ties for solution in solutions), strict=True)
    return tuple(as_signs(np.round(shares @ np.stack(layer), 9)) for layer in layers)


def _latents(solution: Solution) -> NDArray[np.float32]:
    """Flat, layer by layer, row-major."""
    if solution.latents is None:
        raise InvalidInputError(f"{shown(solution)} has no latents, which span the plane; keep those of `fit`")
    return np.concatenate([layer.reshape(-1) for layer in solution.latents])
