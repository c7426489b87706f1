"""The error in the plane through three solutions (paper, section 4.2, appendix B, Figs. 8 and 20 to 23)."""

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
    """Errors of the binarised machines in the plane through the latent weights of three solutions.

    The origin is the first solution, the x axis points to the second, and the third has y > 0 (Gram-Schmidt on the
    latents). At every one of points x points places the weights are the signs of the latents there, sign(0) = +1, and
    the errors are exact. margin: how far the grid goes beyond the solutions, as a fraction of their extent. The
    solutions' own errors are in `corner_errors`; they are in general not among the points. Align the solutions to the
    first one where symmetries are to be removed.
    Raises InvalidInputError if machines or number of inputs differ, a solution has no latents, they lie on one line, or
    beyond this machine's memory.
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
