"""Replica-symmetric saddle points of the spherical perceptron, as a curve over the overlap q.

The free entropy per weight, of the fraction of the sphere that satisfies all constraints, is

    phi = ln(1 - q) / 2 + q / (2 (1 - q)) + alpha E_z ln H(a),    a = (kappa - sqrt(q) z) / sqrt(1 - q),

and it is stationary where q = alpha (1 - q) E_z r(a)^2, with r = G / H. So q fixes the one alpha at which it is a
saddle point: nothing is iterated, and the saddle points at an alpha are where the curve alpha(q) has that value.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from binland.theory.gaussian import Array, hazard, log_tail, nodes

LOGITS = np.arange(-36.0, 14.5, 0.5)  # ln(q / (1 - q)) where the curve is computed first: 1 - q >= 8e-7
TOLERANCE = 1e-13


class Saddle(NamedTuple):
    """alpha, overlap q, free entropy per weight, and alpha E r'(a)^2, below 1 where replica symmetry is stable."""

    alpha: float
    overlap: float
    entropy: float
    stability: float


def width(q: float) -> float:
    """Width in z of the features of functions of a."""
    return math.sqrt((1 - q) / q) if q > 0 else math.inf


def correlated(z: Array, rho: float, q: float) -> tuple[Array, Array]:
    """Points z' (n, m) and weights (m,) for E f(z') with z' standard normal, of covariance rho with each z (n,)."""
    deviation = math.sqrt(1 - rho**2)
    more, weights = nodes(width(q) / deviation if deviation else math.inf)
    return rho * z[:, None] + deviation * more, weights


def cavity(kappa: float, q: float, z: ArrayLike) -> Array:
    """a(z): distance from a pattern's mean field to the margin, in standard deviations of the field among solutions."""
    return (kappa - math.sqrt(q) * np.asarray(z)) / math.sqrt(1 - q)


def saddle(kappa: float, q: float) -> Saddle:
    """The saddle point with an overlap 0 < q < 1."""
    z, weights = nodes(width(q))
    a = cavity(kappa, q, z)
    r = hazard(a)
    alpha = density(kappa, q)
    entropy = math.log1p(-q) / 2 + q / (2 * (1 - q)) + alpha * float(weights @ log_tail(a))
    return Saddle(alpha, q, entropy, alpha * float(weights @ (r * (r - a)) ** 2))


def density(kappa: float, q: float) -> float:
    """The alpha at which q is the overlap of a saddle point."""
    z, weights = nodes(width(q))
    return q / ((1 - q) * float(weights @ hazard(cavity(kappa, q, z)) ** 2))


def from_logit(x: float) -> float:
    """q of x = ln(q / (1 - q))."""
    return 1 / (1 + math.exp(-x))


@lru_cache(maxsize=64)
def densities(kappa: float) -> Array:
    """alpha at the overlaps of LOGITS, cached."""
    return np.array([density(kappa, from_logit(x)) for x in LOGITS])


def saddles(alpha: float, kappa: float) -> list[Saddle]:
    """All saddle points at an alpha, by increasing overlap."""
    known = densities(kappa)
    if alpha < known[0]:  # so few patterns that everything is linear in their number
        first, share = saddle(kappa, from_logit(LOGITS[0])), alpha / known[0]
        return [Saddle(alpha, share * first.overlap, share * first.entropy, share * first.stability)]
    return _where(kappa, known > alpha, lambda q: density(kappa, q) / alpha - 1)


def marginal(kappa: float) -> list[Saddle]:
    """Saddle points where the stability is 1, by increasing overlap."""
    unstable = [saddle(kappa, from_logit(x)).stability > 1 for x in LOGITS]
    return _where(kappa, np.array(unstable), lambda q: saddle(kappa, q).stability - 1)


def _where(kappa: float, above: NDArray[np.bool_], height: Callable[[float], float]) -> list[Saddle]:
    """Saddle points where a height, a function of q, is 0, between LOGITS on either side."""
    ends = np.flatnonzero(above[1:] != above[:-1])
    options = {"xtol": TOLERANCE, "rtol": TOLERANCE}
    roots = (brentq(lambda x: height(from_logit(x)), LOGITS[k], LOGITS[k + 1], **options) for k in ends)
    return [saddle(kappa, from_logit(x)) for x in roots]
