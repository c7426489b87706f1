"""The binary perceptron with random labels, at any margin (Gardner 1988; Krauth and Mezard 1989)."""

import math
from functools import lru_cache

import numpy as np

from binland.checks import number_between
from binland.theory.curve import Curve, Point
from binland.theory.gaussian import hazard, log_tail, log_two_cosh, nodes
from binland.theory.typical import Typical, of_point, unsolved

MARGIN = 4.0  # largest size
DENSITY = 1e6  # largest alpha


class RandomLabels(Curve):
    """phi = -q_hat (1 - q) / 2 + E ln 2cosh(sqrt(q_hat) z) + alpha E ln H(a), a = (kappa - sqrt(q) z) / sqrt(1 - q)."""

    largest = 8.0

    def __init__(self, kappa: float):
        self.kappa = kappa

    def point(self, conjugate: float) -> Point:
        """From q = E tanh^2(sqrt(q_hat) z) and q_hat = alpha / (1 - q) E (G(a) / H(a))^2."""
        slope = math.sqrt(conjugate)
        z, weights = nodes(1 / slope)
        q = float(weights @ np.tanh(slope * z) ** 2)
        spins = float(weights @ log_two_cosh(slope * z)) - conjugate * (1 - q) / 2
        z, weights = nodes(math.sqrt((1 - q) / q))
        a = (self.kappa - math.sqrt(q) * z) / math.sqrt(1 - q)
        alpha = conjugate * (1 - q) / float(weights @ hazard(a) ** 2)
        return Point(alpha, q, conjugate, spins + alpha * float(weights @ log_tail(a)))


@lru_cache(maxsize=64)
def storage_curve(kappa: float) -> RandomLabels:
    """The curve of saddle points at a margin, cached."""
    return RandomLabels(kappa)


def random_labels(alpha: float, kappa: float = 0.0) -> Typical:
    """Typical solutions of the binary perceptron with random labels.

    Exact up to `capacity(kappa)`. Beyond it the entropy is negative: typically there is no solution. The saddle point
    is followed up to alpha = 1.258 at kappa = 0; further on ``.converged`` is False.

    Parameters
    ----------
    alpha : float
        Constraint density P / N, 0 to 10^6.
    kappa : float, default 0.0
        Margin, -4 to 4: y w . x / sqrt(N) > kappa for every pattern.

    Returns
    -------
    Typical
        ``.entropy``, ``.overlap`` and ``.parameters["overlap_conjugate"]``.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    Notes
    -----
    The free entropy is phi = -q_hat (1 - q) / 2 + E ln 2 cosh(sqrt(q_hat) z) + alpha E ln H(a), stationary in q and
    q_hat, with a = (kappa - sqrt(q) z) / sqrt(1 - q), z standard normal and H(x) the probability of a standard normal
    above x.

    References
    ----------
    Krauth and Mezard, J. Phys. France 50, 3057 (1989).

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.random_labels(0.5).overlap, 6)
    0.322385
    """
    density, margin = number_between("alpha", alpha, 0, DENSITY), number_between("kappa", kappa, -MARGIN, MARGIN)
    points = storage_curve(margin).saddle_points(density)
    if not points:
        most = storage_curve(margin).turn.alpha
        return unsolved(
            density, f"saddle points are followed up to alpha = {most:.4g}; solutions end at capacity({margin:g})"
        )
    beyond = "beyond the capacity: typically there is no solution" if points[0].entropy < 0 else ""
    return of_point(points[0], advice=beyond)


def capacity(kappa: float = 0.0) -> float:
    """The largest P / N at which the binary perceptron can learn random labels.

    Parameters
    ----------
    kappa : float, default 0.0
        Margin, -4 to 4.

    Returns
    -------
    float
        The alpha where the replica-symmetric entropy vanishes; 0.8330786 without a margin.

    Raises
    ------
    InvalidInputError
        If the margin is out of range.

    References
    ----------
    Krauth and Mezard, J. Phys. France 50, 3057 (1989).

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.capacity(), 7)
    0.8330786
    """
    return storage_curve(number_between("kappa", kappa, -MARGIN, MARGIN)).without_entropy()[0].alpha
