"""Margins at which solutions become connected by geodesics that violate no constraint.

On the geodesic simplex of solutions with margins kappa_r every field is above sum_r g_r kappa_r / n, where n <= 1 is
the norm of sum_r g_r W_r / sqrt(N), and for N to infinity some fields come arbitrarily close. So the energy at a
threshold kappa_E < 0 vanishes exactly where sum_r g_r kappa_r >= kappa_E n, which is an equation for overlaps alone.
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
WIDEST, FEWEST = 1e9, 1e-15  # largest margin and smallest P / N for which the maximum margin is computed


def maximum_margin(alpha: float) -> float:
    """The largest margin that solutions can have, in the replica-symmetric approximation: where `capacity` is alpha.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.

    Returns
    -------
    float
        The margin; inf for alpha below 1e-15. Exact where it is 0 or more (alpha up to 2), else an upper bound.

    Raises
    ------
    InvalidInputError
        If alpha is out of range.

    References
    ----------
    Gardner, J. Phys. A 21, 257 (1988).

    Examples
    --------
    >>> import binland as bl
    >>> abs(bl.spherical.maximum_margin(2.0)) < 1e-9
    True
    """
    density = checked_alpha(alpha)
    if density < FEWEST:
        return math.inf
    return float(brentq(lambda kappa: largest_density(kappa) / density - 1, -10.0, WIDEST, xtol=1e-13, rtol=1e-13))


def convex_margin(alpha: float, threshold: float, y: float = 2) -> float:
    """The smallest margin at which y independent typical solutions have no energy anywhere between them.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    threshold : float
        kappa_E, -4 to 4: the margin below which a constraint counts as violated.
    y : float, default 2
        Number of solutions, 2 or more, or inf for any number.

    Returns
    -------
    float
        The margin; the threshold itself if that is 0 or more, where all solutions are connected; nan if there are no
        solutions at the threshold.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    Notes
    -----
    The root of kappa = kappa_E sqrt(1 / y + (1 - 1 / y) q(alpha, kappa)): the norm is smallest in the barycentre, so
    nothing is violated anywhere if nothing is violated there.

    References
    ----------
    Derived from Annesi et al., Phys. Rev. Lett. 131, 227301 (2023).

    Examples
    --------
    >>> import binland as bl
    >>> kappa = bl.spherical.convex_margin(1.0, threshold=-0.5)
    >>> bl.spherical.energy(1.0, kappa + 0.01, [0.5, 0.5], threshold=-0.5)
    0.0
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
    """The smallest margin of typical solutions that are connected to typical solutions of the threshold.

    Connected means by geodesics that violate no constraint: such solutions are the kernel of a star-shaped space.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    threshold : float
        kappa_E, -4 to 4: the margin below which a constraint counts as violated.

    Returns
    -------
    float
        The margin; the threshold itself if that is 0 or more. nan if no solution has that margin, so that the space is
        not star-shaped in this sense, or if there are no solutions at the threshold. Replica-symmetric: where the
        maximum margin is negative, an upper bound.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    Notes
    -----
    The root of kappa = kappa_E t(alpha, kappa, kappa_E), t being `cross_overlap`. With one end at kappa_E the energy
    vanishes on the whole geodesic if it does near that end.

    References
    ----------
    Derived from Annesi et al., Phys. Rev. Lett. 131, 227301 (2023).

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.kernel_margin(1.0, -0.5) > -0.5
    True
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
    """The saddle point at alpha; at the capacity, where there is none, that of nearly unique solutions."""
    found = saddles(alpha, kappa)
    return found[0] if found else saddle(kappa, from_logit(UNIQUE))


def _solutions(y: object) -> float:
    count = positive("y", y, infinite=True)
    if count < 2:
        raise InvalidInputError(f"y={shown(y)} is not a number of solutions, 2 or more, or inf")
    return count
