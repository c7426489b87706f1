"""Margins at which solutions become connected by geodesics without violated constraints.

On the geodesic simplex of solutions of margins kappa_r fields lie above sum_r g_r kappa_r / n, where n, the norm of
sum_r g_r W_r / sqrt(N), is at most 1, and some come as close to it as one likes. So the energy at a threshold
kappa_E < 0 vanishes exactly where sum_r g_r kappa_r >= kappa_E n: equations for overlaps alone.
"""

import math
from functools import cache

from scipy.optimize import brentq

from binland.checks import positive
from binland.errors import InvalidInputError, shown
from binland.spherical.arguments import checked_alpha, checked_margin
from binland.spherical.crossing import crossing
from binland.spherical.gardner import largest_density
from binland.spherical.saddle import Saddle, from_logit, saddle, saddles

TOLERANCE = 1e-10
UNIQUE = 10.0  # ln(q / (1 - q)): 1 - q = 5e-5
WIDEST, FEWEST = 1e9, 1e-15  # margin up to which the maximum margin is looked for; P / N from which on


def maximum_margin(alpha: float) -> float:
    """The largest margin of a solution, in the replica-symmetric approximation: where `capacity` is alpha.

    alpha: P / N from 0 to 1e6; inf below 1e-15. Exact where the margin is 0 or more (alpha up to 2), else an upper
    bound. Raises InvalidInputError on numbers out of range. Source: Gardner (1988).
    """
    density = checked_alpha(alpha)
    if density < FEWEST:
        return math.inf
    return float(brentq(lambda kappa: largest_density(kappa) / density - 1, -10.0, WIDEST, xtol=1e-13, rtol=1e-13))


def convex_margin(alpha: float, threshold: float, y: float = 2) -> float:
    """The smallest margin of y independent typical solutions whose geodesic simplex has no energy at all.

    The root of kappa = kappa_E sqrt(1 / y + (1 - 1 / y) q(alpha, kappa)): the norm is smallest in the barycentre, so
    that nothing is violated anywhere if nothing is violated there. alpha: P / N from 0 to 1e6. threshold: kappa_E, from
    -4 to 4; from 0 on all solutions are connected, and it is returned itself. y: solutions, 2 or more, or inf: any
    number of them.
    nan where there are no solutions at the threshold. Raises InvalidInputError on numbers out of range.
    Source: Annesi et al. (2023), derived as in the text above.
    """
    density, limit, count = checked_alpha(alpha), checked_margin("threshold", threshold), _solutions(y)
    if density >= largest_density(limit):
        return math.nan
    if limit >= 0:
        return limit

    def excess(kappa: float) -> float:
        q = _nearest(density, kappa).overlap
        return kappa - limit * math.sqrt(1 / count + (1 - 1 / count) * q)

    return float(brentq(excess, limit, min(0.0, maximum_margin(density)), xtol=TOLERANCE))


def kernel_margin(alpha: float, threshold: float) -> float:
    """The smallest margin of typical solutions that are connected to typical solutions of the threshold itself.

    Connected by geodesics on which no constraint is violated: the kernel of a star-shaped space. The root of
    kappa = kappa_E t(alpha, kappa, kappa_E), t their overlap (`cross_overlap`). alpha: P / N from 0 to 1e6. threshold:
    kappa_E, from -4 to 4; from 0 on it is returned itself.
    nan where no solution has that margin, and the space is not star-shaped in this sense, or where there is none at the
    threshold. Replica-symmetric: where the maximum margin is negative, it is an upper bound.
    Raises InvalidInputError on numbers out of range. Source: Annesi et al. (2023), derived as in the text above: with
    one end at kappa_E the energy vanishes on the whole geodesic if it does at its beginning there.
    """
    density, limit = checked_alpha(alpha), checked_margin("threshold", threshold)
    if density >= largest_density(limit):
        return math.nan
    if limit >= 0 or density == 0:
        return max(limit, 0.0) if density == 0 else limit
    end = (limit, _nearest(density, limit))

    @cache  # the ends are asked for twice
    def excess(kappa: float) -> float:
        return kappa - limit * crossing((kappa, _nearest(density, kappa)), end)

    highest = min(0.0, maximum_margin(density))
    return float(brentq(excess, limit, highest, xtol=TOLERANCE)) if excess(highest) >= 0 else math.nan


def _nearest(alpha: float, kappa: float) -> Saddle:
    """The saddle point at alpha; at the capacity, where there is none, that of solutions that are nearly unique."""
    found = saddles(alpha, kappa)
    return found[0] if found else saddle(kappa, from_logit(UNIQUE))


def _solutions(y: object) -> float:
    count = positive("y", y, infinite=True)
    if count < 2:
        raise InvalidInputError(f"y={shown(y)} is not a number of solutions, 2 or more, or inf")
    return count
