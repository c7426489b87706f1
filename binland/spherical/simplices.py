"""Points and energies on the geodesics and simplices between solutions of an instance."""

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
    """Points between y solutions on the sphere: ``sqrt(N) sum_r g_r W_r / |sum_r g_r W_r|``.

    Parameters
    ----------
    solutions : sequence of Solution, or array_like of shape (y, N)
        The corners of the simplex.
    weights : array_like of shape (..., y)
        Weights g_r >= 0, not all 0; only their ratios matter. (1 - x, x) runs along the geodesic between two solutions.

    Returns
    -------
    numpy.ndarray of shape (..., N)
        The points, ``|W|^2 = N``.

    Raises
    ------
    InvalidInputError
        If an argument is not as above, or the solutions cancel each other.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.barycentre([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5])
    array([1., 1.])
    """
    points = vertices(solutions)
    return on_sphere(_shares(weights, len(points)) @ points)


def energies(
    instance: Instance, solutions: Sequence[Solution] | ArrayLike, weights: ArrayLike, threshold: float
) -> Array:
    """Fraction of violated constraints, W . xi / sqrt(N) <= threshold, at points between solutions of an instance.

    Parameters
    ----------
    instance : Instance
        Patterns (P, N).
    solutions : sequence of Solution, or array_like of shape (y, N)
        The corners of the simplex.
    weights : array_like of shape (..., y)
        Points, as in `barycentre`.
    threshold : float
        Margin below which a constraint counts as violated, -4 to 4.

    Returns
    -------
    numpy.ndarray of shape (...)
        Energies, multiples of 1 / P. `energy` is their mean over typical solutions for large N. Cost y N P, and y P for
        each point.

    Raises
    ------
    InvalidInputError
        If an argument is not as above.

    Examples
    --------
    >>> import binland as bl
    >>> instance = bl.spherical.patterns(40, 50, seed=0)
    >>> a, b = (bl.spherical.solve(instance, -0.5, seed=seed) for seed in (0, 1))
    >>> bl.spherical.energies(instance, [a, b], [[1, 0], [0, 1]], -0.5).tolist()
    [0.0, 0.0]
    """
    points = vertices(solutions)
    check_fit(points.shape[1], instance)
    shares, limit = _shares(weights, len(points)), checked_margin("threshold", threshold)
    norms = np.sqrt(np.einsum("...r,rs,...s->...", shares, points @ points.T / points.shape[1], shares))
    fields = shares @ instance.fields(points)
    return np.mean(fields <= limit * norms[..., None], axis=-1)


def vertices(solutions: Sequence[Solution] | ArrayLike) -> Array:
    """The corners as points on the sphere, (y, N)."""
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
