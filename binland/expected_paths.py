"""Exact mean errors along random shortest paths (perceptron and committee machine)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from binland.checks import checked_memory, positive_int
from binland.data import Patterns
from binland.kernels.expected_paths import positive_into, wrong_into
from binland.models import Solution, check_fit, check_same
from binland.results import ExpectedPath

Floats = NDArray[np.float64]
TOLERANCE = 1e-12  # for each pattern: Fourier terms left out, numbers of flips out of reach
PORTION = 128  # patterns at a time
GROUP = 32  # pairs of flips whose law is bounded together


def expected_path(start: Solution, end: Solution, patterns: Patterns, points: int = 51) -> ExpectedPath:
    """Mean error on random shortest paths, in closed form: the expectation over all orders of the flips.

    points: how many, evenly spaced over the path, both ends included, where errors are computed (after every flip, if
    there are fewer flips). Without sampling noise, to 1e-9 of the patterns; at the ends exact. The highest of them is
    what `bl.barrier(...).max_of_mean` samples, not the mean of the highest errors.

    Perceptron: a hypergeometric law for each pattern, cost d P for d flips. Committee machine: m_h flips of unit h are
    drawn binomially with probability p = k / d, and a Fourier sum conditions on sum_h m_h = k; given m_h, the votes are
    independent and their laws are hypergeometric. Cost P H^2 / 4 + P H sqrt(d / H) for every Fourier term of a point, ten
    or so. Raises InvalidInputError if the machines or the number of inputs differ, on less than 2 points, and beyond this
    machine's memory.

    >>> import binland as bl
    >>> train, machine = bl.HiddenManifold(301, 101, seed=0).sample(303, seed=1), bl.CommitteeMachine(301, 21)
    >>> a, b = (bl.fit(machine, train, bl.SGD(), seed) for seed in (0, 1))
    >>> bool(abs(bl.expected_path(a, b, train).max_of_mean - bl.barrier(a, b, train, orders=100).max_of_mean) < 0.01)
    True
    """
    check_same(start, end)
    check_fit(start.machine, patterns)
    count = positive_int("points", points, minimum=2)
    flips = np.count_nonzero(start.units != end.units, axis=1)
    length = int(flips.sum())
    steps = np.unique(np.linspace(0, length, min(count, length + 1)).round().astype(np.int64))
    checked_memory("closed forms", 8 * PORTION * (len(flips) + 1) * (int(flips.max()) + 1) + 48 * patterns.n_patterns * len(flips))
    means = np.empty(len(steps))
    means[0], means[-1] = start.error_count(patterns), end.error_count(patterns)
    if len(steps) > 2:
        means[1:-1] = _Votes(start, end, patterns, flips).means(steps[1:-1])
    return ExpectedPath(means, steps, patterns.n_patterns)


class _Votes:
    """Fields (H, P) at the start, and how many of the differing weights agree with a pattern there."""

    def __init__(self, start: Solution, end: Solution, patterns: Patterns, flips: NDArray[np.int64]):
        self._flips, self._positive = flips, patterns.positive
        self._outputs = start.machine.output_signs
        self._fields = start.preactivations(patterns).astype(np.int64)
        change = self._fields - end.preactivations(patterns)  # twice the sum over the differing weights
        self._agreeing = (2 * flips[:, None] + change) // 4
        self._groups = int((np.minimum(self._agreeing, flips[:, None] - self._agreeing) // GROUP).sum(axis=0).min())
        self._log_factorial = gammaln(np.arange(flips.max() + 2) + 1.0)

    def means(self, steps: NDArray[np.int64]) -> Floats:
        """Expected errors after so many flips, neither none nor all."""
        one = len(self._flips) == 1
        fourier = [] if one else [_Fourier(self._flips, int(k), self._groups) for k in steps]
        totals = np.zeros(len(steps))
        for first in range(0, self._fields.shape[1], PORTION):
            some = slice(first, first + PORTION)
            laws, positive = self._laws(some), self._positive[some]
            if one:
                totals += np.where(positive, 1 - laws[0, steps, :len(positive)], laws[0, steps, :len(positive)]).sum(axis=1)
            else:
                totals += [term.sum(laws, self._outputs, positive) for term in fourier]
        return totals

    def _laws(self, some: slice) -> Floats:
        """(H, d + 1, PORTION): probability that a field is not negative after m of the unit's flips."""
        fields, agreeing = self._fields[:, some], self._agreeing[:, some]
        laws = np.zeros((len(self._flips), self._flips.max() + 1, PORTION))
        for h, d in enumerate(self._flips):
            positive_into(d, agreeing[h], fields[h], self._log_factorial, laws[h, :, : fields.shape[1]])
        return laws


class _Fourier:
    """Terms of the sum that conditions on k flips in all, for all patterns.

    E[errors | K = k] = sum_j E[errors exp(i theta_j (K - k))] / (M Pr(K = k)), theta_j = 2 pi j / M, for flips of
    probability p = k / d, and M so large that k +- M flips are out of reach.
    """

    def __init__(self, flips: NDArray[np.int64], k: int, groups: int):
        from scipy.stats import binom  # a third of a second, for those who ask for it

        d, p = int(flips.sum()), k / flips.sum()
        chance = float(binom.pmf(k, d, p))
        nodes = 2 + int(7 * np.sqrt(d * p * (1 - p)))
        while binom.sf(k + nodes - 1, d, p) + binom.cdf(k - nodes, d, p) > TOLERANCE * chance:
            nodes += nodes // 32 + 1
        j = np.arange(nodes // 2 + 1)  # the other half is the complex conjugate
        angles = 2 * np.pi * j / nodes
        self._factors = np.where((j == 0) | (2 * j == nodes), 1, 2) / (nodes * chance)
        kept = bounds(angles, p, flips, groups) > TOLERANCE * chance
        self._negligible = TOLERANCE * chance
        angles, self._factors = angles[kept], self._factors[kept]
        m = np.arange(flips.max() + 1)
        laws = binom.pmf(m, flips[:, None], p)
        likely = np.flatnonzero((laws > 1e-18).any(axis=0))
        self._window = slice(likely[0], likely[-1] + 1)
        m, laws = m[self._window], laws[:, self._window]
        phases = angles[:, None] * (m - p * flips[:, None, None])
        self._characters = np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(len(flips), -1, len(m)) * laws[:, None]
        self._totals = self._characters.sum(axis=2)

    def sum(self, laws: Floats, outputs: NDArray[np.int8], positive: NDArray[np.int8]) -> float:
        """Expected errors on some patterns."""
        plus = self._characters @ laws[:, self._window]
        wrong = np.empty(len(self._factors))
        wrong_into(plus, self._totals, outputs, positive, self._negligible, wrong)
        return float(self._factors @ wrong)


def bounds(angles: Floats, p: float, flips: NDArray[np.int64], groups: int) -> Floats:
    """(T,) above |E[exp(i theta K) 1(event)]|, for any event of the votes, on any pattern.

    The expectation is at most the product over units of |E[exp(i theta K_h) 1(+)]| + |E[exp(i theta K_h) 1(-)]|, which
    is bounded in two ways. Put GROUP of the flips up and as many down together, in all units at least `groups` times, of
    which A and B are made: the field sees A - B only, and given that, 2 B is still random. Or sum over the more numerous
    side first: a part of a unimodal law times characters is at most its mode / sin(theta / 2).
    """
    from scipy.stats import binom

    law, b = binom.pmf(np.arange(GROUP + 1), GROUP, p), np.arange(GROUP + 1)
    joint = np.array([np.pad(law[d:] * law[: len(law) - d], (0, d)) for d in range(GROUP + 1)])  # A - B = d
    given = np.abs(joint @ np.exp(2j * np.outer(b, angles)))
    within = given[0] + 2 * given[1:].sum(axis=0)
    n = (flips + 1) // 2
    modes = binom.pmf(np.floor((n + 1) * p), n, p)
    with np.errstate(divide="ignore"):
        parts = 2 * modes / np.abs(np.sin(angles / 2))[:, None]
    return np.minimum(np.minimum(within, 1.0) ** groups, np.minimum(parts, 1.0).prod(axis=1))
