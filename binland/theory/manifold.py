"""A binary perceptron that learns data of the Hidden Manifold Model.

The model of Goldt et al. 2020 and Gerace et al. 2020 with the non-linearity sign, weights -1 and +1, and no error
allowed. s = F^T w / sqrt(N) projects the weights to the latent space. Order parameters are p_d = s.s / D, p = s.s' / D
of two solutions, r = s.w_T / D with the teacher, and q = w.w' / N. By Gaussian equivalence the pre-activations
w.x / sqrt(N) of a solution have the variance Q_d = kappa_1^2 p_d + kappa_2^2, those of two solutions the covariance
Q = kappa_1^2 p + kappa_2^2 q, and with the teacher's field M = kappa_1 r. kappa_1 = sqrt(2 / pi) is the linear part of
sign(u) for a Gaussian u, and kappa_2^2 = 1 - kappa_1^2 the rest.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from binland.checks import number_between
from binland.theory.gaussian import Array, hazard, log_tail, log_two_cosh, nodes, tail
from binland.theory.iteration import fixed_point
from binland.theory.typical import Typical, unsolved

KAPPA_1 = math.sqrt(2 / math.pi)
KAPPA_2 = math.sqrt(1 - 2 / math.pi)  # kappa_* of the literature
START = np.array([0.01, 1.0, 0.01, 0.05])  # q, p_d, p, r
ALMOST_ONE = 1e-3  # for smaller 1 - q the weight vector is nearly unique and integrals are no longer exact
FEWEST = 1e-12  # smaller alpha count as no patterns
LARGEST, SMALLEST_T, LARGEST_T = 50.0, 1e-3, 1e3  # of alpha and alpha_T


class Fields(NamedTuple):
    """Gaussian statistics of the pre-activations: Q_d, Q, M."""

    own: float
    other: float
    teacher: float


class Energetic(NamedTuple):
    """Means over a pattern of f = ln H(-omega / sqrt(V)), V = Q_d - Q: f itself, f'^2, f'', and 2 G(u) f' at u = 0."""

    value: float
    slope_squared: float
    curvature: float
    at_boundary: float


class Conjugates(NamedTuple):
    """q_hat, p_hat_d - p_hat, p_hat, r_hat."""

    q: float
    difference: float
    p: float
    r: float


def fields(state: Array) -> Fields:
    """Of order parameters q, p_d, p, r."""
    q, p_d, p, r = state
    return Fields(KAPPA_1**2 * p_d + KAPPA_2**2, KAPPA_1**2 * p + KAPPA_2**2 * q, KAPPA_1 * r)


def energetic(own: float, other: float, teacher: float) -> Energetic:
    """Means over omega ~ N(0, Q) and the label, whose field u has the covariance M with omega."""
    rest, scale = own - other, math.sqrt(other / (own - other))
    alone = math.sqrt(other - teacher**2)
    z, weights = nodes(min(1 / scale, alone / teacher))
    a, labels = -scale * z, weights * 2 * tail(-teacher * z / alone)
    g = hazard(a)
    boundary = weights @ hazard(-alone / math.sqrt(rest) * z) / math.sqrt(rest)
    return Energetic(
        float(labels @ log_tail(a)),
        float(labels @ g**2) / rest,
        -float(labels @ (g * (g - a))) / rest,
        float(boundary) * math.sqrt(2 / math.pi),
    )


def conjugates(state: Array, alpha: float, alpha_t: float) -> Conjugates:
    """From the derivatives of the free entropy with respect to p_d, p, r and q."""
    q, mean = state[0], energetic(*fields(state))
    difference = KAPPA_1**2 * alpha_t * mean.curvature
    p = KAPPA_1**2 * alpha_t * mean.slope_squared
    r = KAPPA_1 * alpha_t * mean.at_boundary
    delta, forces = 1 - difference * (1 - q), p + r**2
    b = difference * q + (1 - q) * forces
    latent = alpha / alpha_t * (forces / delta + difference * b / delta**2)
    return Conjugates(latent + KAPPA_2**2 * alpha * mean.slope_squared, difference, p, r)


def update(state: Array, alpha: float, alpha_t: float) -> Array:
    """The derivatives with respect to the conjugates: new q, p_d, p, r."""
    q = state[0]
    if 1 - q < ALMOST_ONE:
        return np.full(4, np.nan)
    hat = conjugates(state, alpha, alpha_t)
    delta = 1 - hat.difference * (1 - q)
    b = hat.difference * q + (1 - q) * (hat.p + hat.r**2)
    p_d = 1 / delta + (1 - q) * b / delta**2
    z, weights = nodes(1 / math.sqrt(hat.q))
    return np.array([weights @ np.tanh(math.sqrt(hat.q) * z) ** 2, p_d, p_d - (1 - q) / delta, (1 - q) * hat.r / delta])


def entropy(state: Array, alpha: float, alpha_t: float) -> float:
    """Free entropy per weight at a saddle point."""
    (q, p_d, p, r), hat = state, conjugates(state, alpha, alpha_t)
    delta = 1 - hat.difference * (1 - q)
    b = hat.difference * q + (1 - q) * (hat.p + hat.r**2)
    z, weights = nodes(1 / math.sqrt(hat.q))
    spins = float(weights @ log_two_cosh(math.sqrt(hat.q) * z)) - hat.q * (1 - q) / 2
    p_d_hat = hat.difference + hat.p
    latent = -p_d_hat * p_d / 2 + hat.p * p / 2 - hat.r * r - math.log(delta) / 2 + b / (2 * delta)
    return float(spins + alpha / alpha_t * latent + alpha * energetic(*fields(state)).value)


def hidden_manifold(alpha: float, alpha_T: float) -> Typical:
    """Typical solutions of the binary perceptron on the Hidden Manifold Model, for N, P and D to infinity.

    Algorithms find other solutions than typical ones: flatter, with smaller test errors.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 50.
    alpha_T : float
        P / D, 0.001 to 1000; 3 in the paper. The overparameterisation N / D is alpha_T / alpha.

    Returns
    -------
    Typical
        ``.entropy``, ``.overlap`` q and ``.generalization_error``. ``.parameters`` holds p_d, p and r of the
        projections to the latent space (see the module) and the variance, covariance and teacher_covariance of the
        pre-activations. ``.teacher_overlap`` is nan, since the teacher lives in the latent space. Beyond
        `hidden_manifold_capacity` the entropy is negative; where q reaches 1, ``.converged`` is False.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    References
    ----------
    Model: Goldt et al., Phys. Rev. X 10, 041044 (2020); Gerace et al., ICML 2020. The equations were derived for this
    package.

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.hidden_manifold(alpha=0.5, alpha_T=3).generalization_error, 4)
    0.3022
    """
    density = number_between("alpha", alpha, 0, LARGEST)
    latent = number_between("alpha_T", alpha_T, SMALLEST_T, LARGEST_T)
    density = density if density >= FEWEST else 0.0
    found = fixed_point(lambda state: update(state, max(density, FEWEST), latent), START)
    if not found.converged:
        return unsolved(density, "no saddle point with q < 1: beyond the capacity there is typically no solution")
    (q, p_d, p, r), (own, other, teacher) = found.values, fields(found.values)
    value = entropy(found.values, density, latent) if density else math.log(2)
    parameters = {"p_d": p_d, "p": p, "r": r, "variance": own, "covariance": other, "teacher_covariance": teacher}
    return Typical(
        alpha=density,
        entropy=value,
        overlap=float(q) if density else 0.0,
        generalization_error=math.acos(teacher / math.sqrt(own)) / math.pi,
        parameters={name: float(number) for name, number in parameters.items()},
        advice="beyond the capacity: typically there is no solution" if value < 0 else "",
    )


def hidden_manifold_capacity(alpha_T: float) -> float:
    """The largest P / N at which a binary perceptron can learn Hidden Manifold data.

    Parameters
    ----------
    alpha_T : float
        P / D, 0.001 to 1000.

    Returns
    -------
    float
        The alpha = P / N where the replica-symmetric entropy of `hidden_manifold` vanishes.

    Raises
    ------
    InvalidInputError
        If alpha_T is out of range.

    Examples
    --------
    >>> import binland as bl
    >>> bl.theory.hidden_manifold_capacity(3.0) > bl.theory.capacity()
    True
    """
    return _capacity(number_between("alpha_T", alpha_T, SMALLEST_T, LARGEST_T))


@lru_cache(maxsize=256)
def _capacity(latent: float) -> float:
    low = high = 0.5
    while hidden_manifold(high, latent).entropy > 0:
        low, high = high, 1.2 * high
    while not hidden_manifold(high, latent).converged:
        middle = (low + high) / 2
        low, high = (middle, high) if hidden_manifold(middle, latent).entropy > 0 else (low, middle)
    return float(brentq(lambda alpha: hidden_manifold(alpha, latent).entropy, low, high, xtol=1e-10))
