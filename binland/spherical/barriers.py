"""The energy between typical solutions: fraction of violated constraints on the geodesic simplex of y of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from binland.checks import real_array
from binland.errors import InvalidInputError, shown
from binland.spherical.arguments import checked_alpha, checked_margin
from binland.spherical.crossing import crossing
from binland.spherical.laplace import Complex, invert, truncated
from binland.spherical.saddle import cavity, correlated, saddles, width
from binland.theory.gaussian import Array, nodes


def energy(
    alpha: float, kappa: float | Sequence[float], weights: ArrayLike, threshold: float | None = None
) -> float | Array:
    """Fraction of violated constraints at a point between y independent typical solutions, for N to infinity.

    The point is ``W = sqrt(N) sum_r g_r W_r / |sum_r g_r W_r|``: y = 2 is the geodesic between two solutions, y = 3 a
    triangle on the sphere. A constraint is violated where W . xi / sqrt(N) is at most the threshold.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    kappa : float or sequence of float
        Margin of the solutions, -4 to 4; or one margin for each of the y solutions, at most two different ones.
    weights : array_like of shape (..., y)
        Weights g_r >= 0 of the solutions, not all 0; only their ratios matter.
    threshold : float, optional
        Margin below which a constraint counts as violated, -4 to 4; by default the (smallest) margin of the solutions.

    Returns
    -------
    float or numpy.ndarray of shape (...)
        The energy in [0, 1], exact to 1e-8; a float for weights of shape (y,). Exactly 0 where no field can reach the
        threshold, nan where there are no typical solutions.

    Raises
    ------
    InvalidInputError
        If a number is out of range, weights are not as above, or there are more than two margins.

    Notes
    -----
    Replica-symmetric: exact for alpha below `almeida_thouless(kappa)`.

    References
    ----------
    Annesi et al., Phys. Rev. Lett. 131, 227301 (2023).

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.spherical.energy(1.0, -0.5, [0.5, 0.5]), 6)  # middle of the geodesic between two solutions
    0.010029
    """
    shares = checked_shares(weights)
    margins = _margins(kappa, shares.shape[-1])
    limit = min(margins) if threshold is None else checked_margin("threshold", threshold)
    sides = _sides(checked_alpha(alpha), margins)
    values = np.array([_at(sides, limit, g) if sides else math.nan for g in shares.reshape(-1, shares.shape[-1])])
    return float(values[0]) if shares.ndim == 1 else values.reshape(shares.shape[:-1])


def checked_shares(weights: object) -> Array:
    """(..., y) float64 that add up to 1; raises InvalidInputError on anything but finite numbers >= 0, not all 0."""
    array = real_array("weights", weights).astype(np.float64)
    if array.ndim < 1 or not array.size or not np.isfinite(array).all() or array.min() < 0:
        raise InvalidInputError(f"weights={shown(weights)} are not numbers of at least 0 in an array of shape (..., y)")
    sums = array.sum(axis=-1, keepdims=True)
    if sums.min() <= 0:
        raise InvalidInputError("weights that are all 0 are no point of a simplex; give one that is positive")
    return array / sums


def _margins(kappa: object, y: int) -> list[float]:
    """The margin of each of the y solutions."""
    given = (
        list(kappa)
        if isinstance(kappa, Sequence) or (isinstance(kappa, np.ndarray) and kappa.ndim == 1)
        else [kappa] * y
    )
    margins = [checked_margin("kappa", one) for one in given]
    if len(margins) != y:
        raise InvalidInputError(f"{len(margins)} margins for weights of {y} solutions; give one, or one for each")
    if len({*margins}) > 2:
        raise InvalidInputError(f"kappa={shown(kappa)} has more than two different margins; give one or two")
    return margins


class Side(NamedTuple):
    """Solutions with one margin: which of the y they are, margin, overlap, and nodes to integrate over patterns.

    z: (n,) for the first margin; (n, m) for the second, m nodes for each of the first. weights: those of the last axis.
    """

    members: list[int]
    kappa: float
    overlap: float
    z: Array
    weights: Array


class Sides(NamedTuple):
    """Solutions of one or two margins, and the overlap between these."""

    of: list[Side]
    cross: float


def _sides(alpha: float, margins: list[float]) -> Sides | None:
    """Statistics of the typical solutions of each margin; None if there are none."""
    found = {kappa: saddles(alpha, kappa)[:1] for kappa in {*margins}}
    if not all(found.values()):
        return None
    kinds = sorted(((kappa, one[0]) for kappa, one in found.items()), key=lambda kind: -kind[1].overlap)
    cross = crossing(kinds[0], kinds[-1]) if alpha else 0.0
    z, weights = nodes(width(kinds[0][1].overlap))
    sides: list[Side] = []
    for kappa, point in kinds:
        if sides:
            rho = min(1.0, cross / math.sqrt(sides[0].overlap * point.overlap)) if cross else 0.0
            z, weights = correlated(z, rho, point.overlap)
        members = [r for r, margin in enumerate(margins) if margin == kappa]
        sides.append(Side(members, kappa, point.overlap, z, weights))
    return Sides(sides, cross)


def _at(sides: Sides, threshold: float, shares: Array) -> float:
    """P(sum_r g_r h_r < threshold n), n being the norm, as P(S < room) with S = sum_r g_r (h_r - kappa_r) >= 0."""
    parts = [shares[side.members] for side in sides.of]
    lowest = sum(side.kappa * float(g.sum()) for side, g in zip(sides.of, parts, strict=True))
    room = threshold * _norm(sides, parts) - lowest
    return invert(lambda s: _transform(sides, parts, s), room) if room > 0 else 0.0


def _norm(sides: Sides, parts: list[Array]) -> float:
    """The norm |sum_r g_r W_r| / sqrt(N)."""
    square = 2 * sides.cross * float(parts[0].sum() * parts[1].sum()) if len(parts) > 1 else 0.0
    for side, g in zip(sides.of, parts, strict=True):
        square += float(side.overlap * g.sum() ** 2 + (1 - side.overlap) * (g**2).sum())
    return math.sqrt(square)


def _transform(sides: Sides, parts: list[Array], s: Complex) -> Complex:
    """Laplace transform E exp(-s S), (k,): given the z of a pattern, its fields are independent."""
    first = _factor(sides.of[0], parts[0], s)
    for side, g in zip(sides.of[1:], parts[1:], strict=True):
        first *= [_factor(side, g, one)[0] @ side.weights for one in s[:, None]]  # one by one, to save memory
    return first @ sides.of[0].weights


def _factor(side: Side, shares: Array, s: Complex) -> Complex:
    """Factor of the transform from the solutions of one margin, (k, *z.shape)."""
    a, deviation = cavity(side.kappa, side.overlap, side.z), math.sqrt(1 - side.overlap)
    product = np.ones((len(s), *a.shape), complex)
    for share in shares[shares > 0]:
        product *= truncated(a, (share * deviation * s).reshape(-1, *(1,) * a.ndim))
    return product
