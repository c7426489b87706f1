"""Distribution of sums of truncated Gaussians, from Laplace transforms."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import wofz

from binland.theory.gaussian import Array, tail

Complex = NDArray[np.complex128]
DISCRETISATION = 23.0  # the discretisation error of an inversion is exp(-23) = 1e-10
TERMS, AVERAGED = 40, 14  # terms of the alternating series: summed one by one, then with binomial weights


def truncated(a: Array, s: Complex) -> Complex:
    """E exp(-s (u - a)) for a standard normal u given u > a, Re s > 0: exp(s a + s^2 / 2) H(a + s) / H(a).

    erfcx(x) = exp(x^2) erfc(x) = w(i x). Where Re(a + s) < 0, H(a + s) = 1 - H(-a - s) is used, so that nothing
    overflows.
    """
    shifted = a + s
    below = shifted.real < 0
    root = 1j / math.sqrt(2)
    rest = wofz(np.where(below, -root, root) * shifted) / 2
    # H(a) = erfcx(a / sqrt 2) exp(-a^2 / 2) / 2; for a > 0 the exponential is left out above and below.
    rest *= np.exp(-(np.minimum(a, 0) ** 2) / 2)
    height = np.where(a > 0, wofz(root * np.maximum(a, 0)).real / 2, tail(np.minimum(a, 0)))
    whole = np.exp(np.where(below, a * s + s**2 / 2, 0))
    transform: Complex = np.where(below, whole - rest, rest) / height
    return transform


def invert(transform: Callable[[Complex], Complex], room: float) -> float:
    """P(S < room) from the Laplace transform of the distribution of S >= 0, by Euler summation (Abate and Whitt 1995).

    On the line Re s = A / (2 room) the integral is an alternating series up to an error of exp(-A); its tail is summed
    with binomial weights.
    """
    k = np.arange(TERMS + AVERAGED + 1)
    s: Complex = (DISCRETISATION + 2j * math.pi * k).astype(np.complex128) / (2 * room)
    terms = (-1.0) ** k * (transform(s) / s).real
    terms[0] /= 2
    partial = np.cumsum(terms)[TERMS:]
    binomial = np.array([math.comb(AVERAGED, j) for j in range(AVERAGED + 1)]) / 2.0**AVERAGED
    return float(np.clip(math.exp(DISCRETISATION / 2) / room * (binomial @ partial), 0, 1))
