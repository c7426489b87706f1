"""Means over exactly k of n flips from means over independent flips, by complex flip probabilities or a Fourier sum.

The mean F(p) of any quantity under independent flips of probability p is a polynomial in p of degree at most n. Its
mean over exactly k flips is L[F], where L is linear with L[p^m] = k (k - 1) ... (k - m + 1) / (n (n - 1) ... (n - m +
1)): the moments of a Beta distribution with parameters -k and k - n. Its orthogonal polynomials are Jacobi's, and a
Gauss rule of Q nodes is exact up to degree 2 Q - 1. The nodes are conjugate complex numbers around k / n, about sqrt(k
(n - k) / n) / n apart: an average over imaginary p undoes one over a Gaussian of real p. Rounding errors of F grow by
at most 5.

Where the mean depends on k too roughly for few nodes, a Fourier sum over characters z^K of the number K of flips is
used.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binland.kernels.expectation import binomial_into

NODES = ((60, 4), (15, 6), (8, 8), (5, 12))  # spread of the number of flips from which on a rule has so many nodes
SMOOTH = 1e-13  # largest relative error estimate of a rule
OUTSIDE = 1e-17  # largest relative bound of terms near z = -1, which the rules do not see
_STEPS = 50  # largest number of Newton steps; about 8 are needed
_REACH = 1e-15  # largest probability, relative to Pr(K = k), of numbers of flips that a Fourier sum confuses with k


def smooth_mean(k: int, n: int, at: Callable[[complex], NDArray[np.complex128]]) -> float | None:
    """Sum over patterns of the mean over exactly k of n flips, by the smallest accurate rule; None without one.

    at(p) -> (P,): the mean on each pattern for independent flips of complex probability p.
    """
    spread = math.sqrt(k * (n - k) / n)  # of the number of independent flips
    for least, count in NODES:
        if spread >= least:
            rule = gauss_rule(k, n, count)
            terms = rule.weights[:, None] * np.array([at(node) for node in rule.nodes])
            if remainder(rule, terms) < SMOOTH:
                return math.fsum(terms.real.sum(axis=0))
    return None


def nodes_for(k: int, n: int) -> int:
    """Number of nodes of the rule that is accurate enough for most means; 0 if there is none."""
    return next((count for least, count in NODES if k * (n - k) / n >= least * least), 0)


def remainder(rule: "GaussRule", terms: NDArray[np.complex128]) -> float:
    """Estimated error of a Gauss rule relative to its result, from its terms (Q / 2, P).

    The terms give the coefficients in orthogonal polynomials up to degree Q - 1, which decay like a geometric series;
    the rule omits degrees from 2 Q on. Pairs of neighbours are used, because near p = 1 / 2 every other coefficient may
    be 0.
    """
    coefficients = np.array([np.abs((row[:, None] * terms).sum(axis=0).real).sum() for row in rule.values])
    earlier, last = coefficients[-4:-2].max(), coefficients[-2:].max()
    return float(last * (last / earlier) ** (len(coefficients) // 2 + 1) / coefficients[0]) if earlier > 0.0 else 0.0


@dataclass(frozen=True)
class GaussRule:
    """Nodes (Q / 2,) above the real axis and their weights, conjugates included: L[F] = Re sum weights F(nodes).

    values (Q, Q / 2): orthonormal polynomials of degree j at the nodes, up to a factor of modulus 1.
    """

    nodes: list[complex]
    weights: NDArray[np.complex128]
    values: NDArray[np.complex128]


def gauss_rule(k: int, n: int, count: int) -> GaussRule:
    """The Gauss rule for exactly k of n flips; count: number of nodes, even, at most k and n - k."""
    width = math.sqrt(k * (n - k) / n) / n
    centres, factors = _recurrence(k, n, count, width)
    roots = [root for root in _roots(centres, factors) if root.imag > 0]
    values = np.empty((count, len(roots)), np.complex128)
    for m, root in enumerate(roots):
        polynomials, norm = _polynomials(root, centres, factors)[0], 1.0
        for j in range(count):
            norm *= math.sqrt(-factors[j]) if j else 1.0
            values[j, m] = polynomials[j] / norm
    signs = (-1.0) ** np.arange(count)  # of the squared norms
    weights = 2 / (signs[:, None] * values * values).sum(axis=0)
    return GaussRule([k / n + width * root for root in roots], weights, values)


def _recurrence(k: int, n: int, count: int, width: float) -> tuple[list[float], list[float]]:
    """Coefficients of P_(j+1)(x) = (x - centres[j]) P_j(x) - factors[j] P_(j-1)(x), x = (p - k / n) / width, monic."""
    centres, factors = [0.0], [0.0]
    for j in range(1, count):
        centres.append(-2 * j * (n - 2 * k) * (n + 1 - j) / (n * (n + 2 - 2 * j) * (n - 2 * j)) / width)
        above = j * (n - k + 1 - j) * (k + 1 - j) * (n + 2 - j)
        factors.append(-above / ((n + 2 - 2 * j) ** 2 * (n + 1 - 2 * j) * (n + 3 - 2 * j)) / width**2)
    return centres, factors


def _polynomials(x: complex, centres: list[float], factors: list[float]) -> tuple[list[complex], complex]:
    """P_0(x), ..., P_Q(x), and the derivative of the last."""
    values, slope, slope_before = [1 + 0j], 0j, 0j
    for j, (centre, factor) in enumerate(zip(centres, factors, strict=True)):
        slope, slope_before = values[j] + (x - centre) * slope - factor * slope_before, slope
        values.append((x - centre) * values[j] - (factor * values[j - 1] if j else 0))
    return values, slope


def _roots(centres: list[float], factors: list[float]) -> list[complex]:
    """All roots of P_Q at once, by Newton steps with the other roots divided out (Ehrlich and Aberth)."""
    count = len(centres)
    roots = [1.9j * (2 * m + 1 - count) / math.sqrt(count) for m in range(count)]  # near those of Hermite
    for _ in range(_STEPS):
        steps = []
        for m, x in enumerate(roots):
            values, slope = _polynomials(x, centres, factors)
            newton = values[count] / slope
            steps.append(newton / (1 - newton * sum(1 / (x - y) for i, y in enumerate(roots) if i != m)))
        roots = [x - step for x, step in zip(roots, steps, strict=True)]
        if max(map(abs, steps)) < 1e-14 * math.sqrt(count):
            break
    return roots


@dataclass(frozen=True)
class FourierRule:
    """E[f | K = k] = Re sum weights E[f z^K] for independent flips of probability k / n; chance: Pr(K = k)."""

    characters: list[complex]
    weights: list[complex]
    chance: float


def fourier_rule(k: int, n: int) -> FourierRule:
    """The rule of M terms, conjugates joined, with M so large that k +- M flips are practically impossible."""
    law = np.empty(n + 1)
    first, last = binomial_into(n, k / n, law)
    chance = float(law[k])
    below, above = np.cumsum(law[first : last + 1]), np.cumsum(law[first : last + 1][::-1])
    lower = first + int(np.searchsorted(below, _REACH * chance))
    upper = last - int(np.searchsorted(above, _REACH * chance))
    half = max(k - lower, upper - k) // 2 + 1
    angles = [math.pi * (2 * j + 1) / (2 * half) for j in range(half)]
    turns = [math.pi * (k * (2 * j + 1) % (4 * half)) / (2 * half) for j in range(half)]
    characters = [complex(math.cos(angle), math.sin(angle)) for angle in angles]
    weights = [complex(math.cos(turn), -math.sin(turn)) / (half * chance) for turn in turns]
    return FourierRule(characters, weights, chance)
