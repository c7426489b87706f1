"""Geodesics and simplices between solutions of an instance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from binland.checks import shaped_floats
from binland.errors import InvalidInputError
from binland.spherical.arguments import checked_margin
from binland.spherical.barriers import checked_shares
from binland.spherical.instances import Instance, Solution, check_fit, on_sphere
from binland.theory.gaussian import Array


def barycentre(solutions: Sequence[Solution] | ArrayLike, weights: ArrayLike) -> Array:
    """Points of the geodesic simplex of y solutions: sqrt(N) sum_r g_r W_r / |sum_r g_r W_r|.

    solutions: y solutions, or an array (y, N). weights: (..., y) numbers g_r >= 0, not all 0; only their ratios matter.
    Returns (..., N) float64, |W|^2 = N; weights (1 - x, x) run along the geodesic between two.
    Raises InvalidInputError on other arguments, and where solutions cancel each other.
    """
    points = vertices(solutions)
    return on_sphere(_shares(weights, len(points)) @ points)


def energies(
    instance: Instance, solutions: Sequence[Solution] | ArrayLike, weights: ArrayLike, threshold: float
) -> Array:
    """The fraction of violated constraints, W . xi / sqrt(N) <= threshold, at points of a geodesic simplex.

    instance: patterns (P, N). solutions, weights: as of `barycentre`. threshold: from -4 to 4.
    Returns (...,) float64, multiples of 1 / P. `energy` is its mean for large N. Cost y N P, then y P for each point.
    Raises InvalidInputError on other arguments.
    """
    points = vertices(solutions)
    check_fit(points.shape[1], instance)
    shares, limit = _shares(weights, len(points)), checked_margin("threshold", threshold)
    norms = np.sqrt(np.einsum("...r,rs,...s->...", shares, points @ points.T / points.shape[1], shares))
    fields = shares @ instance.fields(points)
    return np.mean(fields <= limit * norms[..., None], axis=-1)


def vertices(solutions: Sequence[Solution] | ArrayLike) -> Array:
    """(y, N) points of the sphere."""
    given: object = solutions
    if isinstance(solutions, Sequence):
        given = [one.weights if isinstance(one, Solution) else one for one in solutions]
    return on_sphere(shaped_floats("solutions", given, (None, None)))


def _shares(weights: ArrayLike, y: int) -> Array:
    shares = checked_shares(weights)
    if shares.shape[-1] != y:
        raise InvalidInputError(
            f"weights of shape {shares.shape} do not fit {y} solutions; the last length is to be {y}"
        )
    return shares
