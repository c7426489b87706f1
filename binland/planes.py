"""`plane`: the error in the plane through three solutions (paper, section 4.2, appendix B, Figs. 8 and 20 to 23)."""

import numpy as np
from numpy.typing import NDArray

from binland.bits import pack
from binland.checks import checked_memory, positive_int
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.geometry import grid
from binland.models import Machine, Solution, check_fit, check_same, count_words
from binland.results import Plane

__all__ = ["Plane", "plane"]


def plane(
    first: Solution, second: Solution, third: Solution, patterns: Patterns, points: int = 31, margin: float = 0.2
) -> Plane:
    """Train errors on a grid in the plane through the latent weights of three solutions.

    At every grid point the weights are the signs of the latents there, sign(0) = +1, and errors are counted exactly.
    The first solution is the origin, the second lies on the x axis, the third has y > 0 (Gram-Schmidt on the latents).

    Parameters
    ----------
    first, second, third : Solution
        Solutions of the same machine, with latents; `align` second and third to the first to remove symmetries.
    patterns : Patterns
        Patterns on which errors are counted.
    points : int, default 31
        Grid points along each axis, at least 2.
    margin : float, default 0.2
        How far the grid extends beyond the solutions, as a fraction of their extent, 0 or more.

    Returns
    -------
    Plane
        ``.errors`` on the grid, coordinates, and ``.corner_errors`` of the solutions, which in general are not grid
        points.

    Raises
    ------
    InvalidInputError
        If machines or numbers of inputs differ, a solution has no latents, the three lie on one line, or the grid does
        not fit into memory.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.2, appendix B, Figs. 8 and 20 to 23.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> a, b, c = (bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=s) for s in (0, 1, 2))
    >>> bl.plane(a, b, c, patterns, points=5).errors.shape
    (5, 5)
    """
    three = (first, second, third)
    for other in three[1:]:
        check_same(first, other)
    machine = first.machine
    check_fit(machine, patterns)
    count = positive_int("points", points, minimum=2)
    checked_memory(f"a plane of {count} x {count} points", 16 * count**2)
    places = grid([_latents(solution) for solution in three], count, margin)
    counts = [[_count(machine, places.at(x, y), patterns) for x in places.x] for y in places.y]
    at_corners = np.array([solution.error_count(patterns) for solution in three])
    p = patterns.n_patterns
    return Plane(np.array(counts) / p, places.x, places.y, places.corners, at_corners / p)


def _count(machine: Machine, latents: NDArray[np.float64], patterns: Patterns) -> int:
    """Errors of the signs of flat latents."""
    return count_words(machine, pack(latents.reshape(machine.n_hidden, machine.n_inputs)), patterns)


def _latents(solution: Solution) -> NDArray[np.float32]:
    """Flat, row-major."""
    if solution.latents is None:
        raise InvalidInputError(f"{shown(solution)} has no latents, which span the plane; keep those of `fit`")
    return solution.latents.reshape(-1)
