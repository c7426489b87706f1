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
    """Overlap t = W . W' / N of two typical solutions with different margins for the same patterns.

    For given patterns the two are independent, so t is the overlap of the centres of the two sets of solutions.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    kappa : float
        Margin of the first solution, -4 to 4.
    other : float
        Margin of the second, -4 to 4. If both are equal, t is `overlap`.

    Returns
    -------
    float
        t; nan if one of the margins has no typical solutions.

    Raises
    ------
    InvalidInputError
        If a number is out of range, or both overlaps are so close to 1 that the integral cannot be computed.

    Notes
    -----
    t is a root of t = alpha sqrt((1 - q) (1 - q')) E r(a) r(a'), where r = G / H is the hazard of a standard normal,
    a = (kappa - sqrt(q) z) / sqrt(1 - q), a' likewise, and z, z' are standard normal with covariance t / sqrt(q q').

    References
    ----------
    Derived from the equations of Annesi et al., Phys. Rev. Lett. 131, 227301 (2023), for several margins.

    Examples
    --------
    >>> import binland as bl
    >>> t = bl.spherical.cross_overlap(1.0, -0.5, 0.0)
    >>> bl.spherical.overlap(1.0, -0.5) < t < bl.spherical.overlap(1.0, 0.0)
    True
    """
    density, one, two = checked_alpha(alpha), checked_margin("kappa", kappa), checked_margin("other", other)
    if density == 0:
        return 0.0
    found = [saddles(density, margin) for margin in (one, two)]
    return crossing((one, found[0][0]), (two, found[1][0])) if all(found) else math.nan


def crossing(one: tuple[float, Saddle], two: tuple[float, Saddle]) -> float:
    """t from two margins with their saddle points at one alpha.

    t / sqrt(q q') lies between 0, where the right side is positive, and 1, where it is at most 1 (Cauchy-Schwarz).
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
