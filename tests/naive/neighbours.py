"""Distances in exact fractions, neighbours, diffusion, stress by loops; imports nothing from the packages."""

import math
from fractions import Fraction

import numpy as np


def exact_dot(a, b):
    return sum((Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)), Fraction(0))


def root(x):
    """Square root of a fraction of any size, to the precision of a float."""
    if x == 0:
        return 0.0
    shift = (x.denominator.bit_length() - x.numerator.bit_length()) // 2 + 60
    return math.isqrt(int(x * Fraction(4) ** shift)) / Fraction(2) ** shift


def euclidean(a, b):
    difference = [Fraction(float(x)) - Fraction(float(y)) for x, y in zip(a, b, strict=True)]
    return float(root(sum((x * x for x in difference), Fraction(0))))


def cosine(a, b):
    """1 - cos = (|a|^2 |b|^2 - (a b)^2) / (s (s + a b)) with s = |a| |b|, whose numerator is exact."""
    ab, square = exact_dot(a, b), exact_dot(a, a) * exact_dot(b, b)
    s = Fraction(root(square))
    return float(1 - ab / s) if ab <= 0 else float((square - ab**2) / (s * (s + ab)))


def neighbour_edges(distances, k, farthest):
    n, edges = len(distances), set()
    for i in range(n):
        others = [j for j in range(n) if j != i]
        others.sort(key=lambda j: (-distances[i][j] if farthest else distances[i][j], j))
        edges |= {(min(i, j), max(i, j)) for j in others[:k]}
    return sorted(edges)


def affinity(distance, scale, decay):
    if scale == 0:
        return 1.0 if distance == 0 else 0.0
    return math.exp(-((distance / scale) ** decay)) if distance / scale < 1e3 else 0.0


def walk(distances, neighbours, decay):
    """The diffusion operator."""
    n = len(distances)
    scales = [sorted(distances[i])[neighbours] for i in range(n)]
    kernel = np.array(
        [
            [(affinity(distances[i][j], scales[i], decay) + affinity(distances[i][j], scales[j], decay)) / 2
             for j in range(n)]
            for i in range(n)
        ]
    )  # fmt: skip
    return kernel / kernel.sum(axis=1)[:, None]


def potential(distances, neighbours, decay, steps):
    operator = walk(distances, neighbours, decay)
    power = np.eye(len(operator))
    for _ in range(steps):
        power = power @ operator
    return -np.log(power + 1e-7)


def entropies(operator, count=100):
    spectrum, found = np.abs(np.linalg.eigvals(operator)), []
    for t in range(1, count + 1):
        shares = spectrum**t / (spectrum**t).sum()
        found.append(-sum(p * math.log(p) for p in shares if p > 0))
    return np.array(found)


def knee(curve):
    """Number of the point, counted from 0, at which two lines of least squares miss the curve least."""
    missed = {}
    for k in range(1, len(curve) - 1):
        missed[k] = 0.0
        for x in (np.arange(k + 1), np.arange(k, len(curve))):
            line = np.polynomial.Polynomial.fit(x, curve[x], 1)
            missed[k] += np.abs(line(x) - curve[x]).sum()
    return min(missed, key=missed.get)


def stress(places, distances):
    above = below = 0.0
    for i in range(len(places)):
        for j in range(i):
            shown = math.dist(places[i], places[j])
            above += (shown - distances[i][j]) ** 2
            below += shown**2
    return math.sqrt(above / below)
