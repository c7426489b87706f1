"""The overlap of typical solutions of two margins, both drawn independently for the same patterns."""

import math

from scipy.optimize import brentq

from binland.errors import InvalidInputError
from binland.spherical.arguments import checked_alpha, checked_margin
from binland.spherical.saddle import Saddle, cavity, correlated, saddles, width
from binland.theory.gaussian import hazard, nodes

TOLERANCE = 1e-12
MOST_POINTS = 4e6  # of a two-dimensional integral
TOO_CLOSE = "solutions of both margins are nearly unique (overlap 1), beyond reach; take a smaller alpha or margin"


def cross_overlap(alpha: float, kappa: float, other: float) -> float:
    """t = W . W' / N of a typical solution of margin kappa and one of margin other: a root of

        t = alpha sqrt((1 - q) (1 - q')) E r(a) r(a'),

    a = (kappa - sqrt(q) z) / sqrt(1 - q), a' likewise, z and z' Gaussians of covariance t / sqrt(q q'). For given
    patterns the two are independent, so that t is the overlap of the centres of the two sets of solutions.

    alpha: P / N from 0 to 1e6. kappa, other: margins from -4 to 4. Where both are equal it is `overlap`. nan where one
    of the two has no typical solutions. Raises InvalidInputError on numbers out of range, and where both overlaps are
    so close to 1 that the integral is beyond reach.
    Derived from the equations of Annesi et al. (2023) for the simplex of solutions of several margins.
    """
    density, one, two = checked_alpha(alpha), checked_margin("kappa", kappa), checked_margin("other", other)
    if density == 0:
        return 0.0
    found = [saddles(density, margin) for margin in (one, two)]
    return crossing((one, found[0][0]), (two, found[1][0])) if all(found) else math.nan


def crossing(one: tuple[float, Saddle], two: tuple[float, Saddle]) -> float:
    """t of two margins with their saddle points at one alpha.

    In units of sqrt(q q') it lies between 0, where the right side is positive, and 1, where it is at most 1 (Cauchy and
    Schwarz).
    """
    if one[0] == two[0]:
        return one[1].overlap
    (kappa, coarse), (other, fine) = sorted([one, two], key=lambda margin: margin[1].overlap)
    q, p = coarse.overlap, fine.overlap
    z, weights = nodes(width(p))
    outer = weights * hazard(cavity(other, p, z))
    scale = fine.alpha * math.sqrt((1 - q) * (1 - p)) / math.sqrt(q * p)

    def excess(rho: float) -> float:
        inner, spread = correlated(z, rho, q)
        if inner.size > MOST_POINTS:
            raise InvalidInputError(TOO_CLOSE)
        return scale * float(outer @ hazard(cavity(kappa, q, inner)) @ spread) - rho

    root = 1.0 if excess(1.0) >= 0 else brentq(excess, 0.0, 1.0, xtol=TOLERANCE, rtol=TOLERANCE)
    return math.sqrt(q * p) * root
