"""The spherical perceptron, plainly: sums over fine grids, draws of fields, angles tried one by one."""

import math

import numpy as np

G = lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi)  # noqa: E731
H = lambda x: math.erfc(x / math.sqrt(2)) / 2  # noqa: E731


def ratio(x):
    """G / H, of large x by its asymptotic series."""
    return G(x) / H(x) if x < 25 else x + 1 / x - 2 / x**3 + 10 / x**5


def log_tail(x):
    return math.log(H(x)) if x < 25 else -x * x / 2 - math.log(math.sqrt(2 * math.pi) * ratio(x))


def points(step=0.01, edge=9.0):
    count = round(edge / step)
    return [(step * k, step * G(step * k)) for k in range(-count, count + 1)]


def cavity(kappa, q, z):
    return (kappa - math.sqrt(q) * z) / math.sqrt(1 - q)


def mean_square(kappa, q):
    return sum(weight * ratio(cavity(kappa, q, z)) ** 2 for z, weight in points())


def overlap(alpha, kappa):
    """q = alpha (1 - q) E (G / H)^2 by bisection: the right side over q falls from infinity."""
    low, high = 0.0, 1 - 1e-6
    for _ in range(45):
        q = (low + high) / 2
        low, high = (q, high) if alpha * (1 - q) * mean_square(kappa, q) > q else (low, q)
    return q


def free_entropy(alpha, kappa, q):
    energetic = sum(weight * log_tail(cavity(kappa, q, z)) for z, weight in points())
    return math.log(1 - q) / 2 + q / (2 * (1 - q)) + alpha * energetic


def truncated(rng, low):
    """Gaussians that are known to be above low, by inversion."""
    from scipy.special import log_ndtr, ndtri_exp

    return -ndtri_exp(log_ndtr(-low) + np.log(1 - rng.random(low.shape)))


def drawn_energy(rng, count, kappas, overlaps, cross, shares, threshold):
    """Mean and standard error of the violations of drawn fields. cross: overlap between different margins."""
    kinds = sorted({*kappas})
    shared = rng.standard_normal(count)
    z = {kinds[0]: shared}
    if len(kinds) > 1:
        rho = cross / math.sqrt(overlaps[kinds[0]] * overlaps[kinds[1]])
        z[kinds[1]] = rho * shared + math.sqrt(1 - rho**2) * rng.standard_normal(count)
    total, square = np.zeros(count), 0.0
    for r, (kappa, share) in enumerate(zip(kappas, shares, strict=True)):
        q = overlaps[kappa]
        field = math.sqrt(q) * z[kappa] + math.sqrt(1 - q) * truncated(rng, cavity(kappa, q, z[kappa]))
        total += share * field
        for other_kappa, other_share, other in zip(kappas, shares, range(len(shares)), strict=True):
            between = 1.0 if other == r else q if other_kappa == kappa else cross
            square += share * other_share * between
    violated = total / math.sqrt(square) <= threshold
    return violated.mean(), violated.std() / math.sqrt(count)


def pair_energy(kappa, q, shares, threshold):
    """y = 2 by Gauss-Legendre: P(g u + g' u' < room), over the first of two excesses e = u - a."""
    first, second = shares
    norm = math.sqrt(first**2 + second**2 + 2 * first * second * q)
    room = (threshold * norm - kappa) / math.sqrt(1 - q)
    if room <= 0:
        return 0.0
    x, w = np.polynomial.legendre.leggauss(100)
    total = 0.0
    for z, weight in points(0.02):
        a = cavity(kappa, q, z)
        low, high = max(0.0, -9 - a), min(room / first, math.sqrt(max(a, 0) ** 2 + 80) - a)
        if high <= low:
            continue
        e = low + (high - low) * (x + 1) / 2
        height = np.array([math.exp(-one * one / 2 - a * one) for one in e]) * ratio(a)
        rest = np.maximum((room - first * e) / second, 0)
        fails = np.array([1 - math.exp(log_tail(a + one) - log_tail(a)) for one in rest])
        total += weight * (high - low) / 2 * float(w @ (height * fails))
    return total


def allowed(one, two, first, second, fields, margin, angles):
    """At which angles every field is above the margin, where two weights are rotated."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = one * cos - two * sin, two * cos + one * sin
    return np.all(fields + (a - one) * first + (b - two) * second > margin, axis=1)


def uniform_solutions(rng, inputs, kappa, count):
    """Solutions by rejection: uniform points of the sphere until so many are left."""
    n, kept = inputs.shape[1], []
    while len(kept) < count:
        weights = rng.standard_normal(n)
        weights *= math.sqrt(n) / math.sqrt(float(weights @ weights))
        if (inputs @ weights / math.sqrt(n) > kappa).all():
            kept.append(weights)
    return np.array(kept)


def slerp(start, end, share):
    """The point of the great circle through two vectors of one length whose chord is cut in 1 - share : share."""
    angle = math.acos(float(start @ end) / float(start @ start))
    point = (1 - share) * start + share * end
    turned = math.acos(float(start @ point) / math.sqrt(float(start @ start) * float(point @ point)))
    return (math.sin(angle - turned) * start + math.sin(turned) * end) / math.sin(angle)
