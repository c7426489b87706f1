"""`expected_path`: exact mean errors along random shortest paths of perceptrons and committee machines."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from binland.bits import Signs
from binland.checks import checked_memory, positive_int
from binland.data import Patterns
from binland.kernels.expectation import binomial_into, blocks, error_weights_into
from binland.kernels.expected_paths import positive_into, wrong_into
from binland.models import Solution, check_fit, check_same
from binland.quadrature import OUTSIDE, SMOOTH, GaussRule, gauss_rule, nodes_for, remainder
from binland.results import ExpectedPath

__all__ = ["ExpectedPath", "expected_path"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TOLERANCE = 1e-10  # error per pattern from Fourier terms and numbers of flips that are left out
UNLIKELY = 1e-18  # numbers of flips of a unit that are less probable are left out
PORTION = 128  # patterns at a time
BATCH = 64  # points at a time
GROUP = 32  # pairs of flips that are bounded together


def expected_path(start: Solution, end: Solution, patterns: Patterns, points: int = 51) -> ExpectedPath:
    """Mean train error along random shortest paths, averaged exactly over all orders of the flips.

    There is no sampling noise. The highest value is what ``barrier(...).max_of_mean`` estimates; the paper's barrier,
    the mean of the highest errors of single paths, is larger.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same machine.
    patterns : Patterns
        Patterns on which errors are counted.
    points : int, default 51
        Number of evenly spaced points along the path, both ends included, at least 2; with fewer flips, one after each.

    Returns
    -------
    ExpectedPath
        ``.errors`` and ``.max_of_mean``. Ends are exact, other points to 1e-9 of the patterns.

    Raises
    ------
    InvalidInputError
        If machines or numbers of inputs differ, there are fewer than 2 points, or the work does not fit into memory.

    Notes
    -----
    Perceptron: the number of flipped weights that agreed with a pattern is hypergeometric; cost d P for d flips.

    Committee machine: flips of the units are taken as independent and binomial, and the total number k is fixed by a
    quadrature over a few complex flip probabilities (`quadrature.py`), or by a Fourier sum where that is not accurate.
    The votes are then a Poisson-binomial convolution. Cost of a point: P H^2 / 4 and d P for each of 2 or 3
    probabilities (or about 14 Fourier terms), and d P once for 64 points.

    Examples
    --------
    >>> import binland as bl
    >>> train, machine = bl.HiddenManifold(301, 101, seed=0).sample(303, seed=1), bl.CommitteeMachine(301, 21)
    >>> a, b = (bl.fit(machine, train, bl.SGD(), seed) for seed in (0, 1))
    >>> sampled = bl.barrier(a, b, train, orders=100)
    >>> bool(abs(bl.expected_path(a, b, train).max_of_mean - sampled.max_of_mean) < 0.01)
    True
    """
    check_same(start, end)
    check_fit(start.machine, patterns)
    count = positive_int("points", points, minimum=2)
    flips = np.count_nonzero(start.units != end.units, axis=1)
    length, h = int(flips.sum()), len(flips)
    checked_memory(
        f"laws of {h} units", 8 * (PORTION + 8 * BATCH) * h * (int(flips.max()) + 1) + 40 * h * patterns.n_patterns
    )
    steps = np.linspace(0, length, min(count, length + 1)).round().astype(np.int64)
    means = np.empty(len(steps))
    means[0], means[-1] = start.error_count(patterns), end.error_count(patterns)
    if len(steps) > 2:
        means[1:-1] = _Votes(start, end, patterns, flips).means(steps[1:-1])
    return ExpectedPath(means, steps, patterns.n_patterns)


class _Votes:
    """Fields (H, P) at the start, and the number of flips of each unit that agree with a pattern there."""

    def __init__(self, start: Solution, end: Solution, patterns: Patterns, flips: Integers):
        self._flips, self._positive = flips, patterns.positive
        self._outputs = start.machine.output_signs
        self._fields = start.preactivations(patterns).astype(np.int64)
        change = self._fields - end.preactivations(patterns)  # twice what the flips contribute at the start
        self._agreeing = (2 * flips[:, None] + change) // 4
        self._log_factorial = gammaln(np.arange(flips.max() + 2) + 1.0)

    def means(self, steps: Integers) -> Floats:
        """Expected errors after given numbers of flips, between 1 and d - 1."""
        means = np.zeros(len(steps))
        if len(self._flips) == 1:
            for laws, positive in self._portions():
                means += self._alone(laws, positive, steps)
            return means
        for first in range(0, len(steps), BATCH):
            some = steps[first : first + BATCH]
            found = self._smooth(some)
            rough = np.isnan(found)
            if rough.any():
                found[rough] = self._committee(some[rough])
            means[first : first + BATCH] = found
        return means

    def _portions(self) -> Iterator[tuple[Floats, Signs]]:
        """Probabilities (`_laws`) and labels, some patterns at a time."""
        for first in range(0, len(self._positive), PORTION):
            some = slice(first, first + PORTION)
            yield self._laws(some), self._positive[some]

    def _laws(self, some: slice) -> Floats:
        """Probability that the field of a unit is not negative after m of its flips, (H, d + 1, U) for U patterns."""
        fields, agreeing = self._fields[:, some], self._agreeing[:, some]
        laws = np.zeros((len(self._flips), self._flips.max() + 1, fields.shape[1]))
        for h, d in enumerate(self._flips):
            positive_into(d, agreeing[h], fields[h], self._log_factorial, laws[h])
        return laws

    def _alone(self, laws: Floats, positive: Signs, steps: Integers) -> Floats:
        """A machine of one unit, whose vote, times its output weight, is the output."""
        right = positive == (self._outputs[0] > 0)
        return np.where(right, 1 - laws[0, steps], laws[0, steps]).sum(axis=1)

    def _smooth(self, steps: Integers) -> Floats:
        """By Gauss rules; nan where these are not accurate enough."""
        means, groups, d = np.full(len(steps), np.nan), self._groups(), int(self._flips.sum())
        rules = {}
        for place, k in enumerate(steps.tolist()):
            count, spread = nodes_for(k, d), math.sqrt(k * (d - k) / d)
            if count and bounds(np.array([np.pi]), k / d, self._flips, groups)[0] < OUTSIDE / spread:
                rules[place] = _Gauss(self._flips, gauss_rule(k, d, count))
        if not rules:
            return means
        rows = np.cumsum([2 * len(rule.rule.nodes) for rule in rules.values()])[:-1]
        characters = np.concatenate([rule.characters for rule in rules.values()], axis=1)  # (H, rows, d + 1)
        terms: dict[int, list[NDArray[np.complex128]]] = {place: [] for place in rules}
        for laws, positive in self._portions():
            parts = np.split(characters @ laws, rows, axis=1)
            for (place, rule), part in zip(rules.items(), parts, strict=True):
                terms[place].append(rule.terms(part, self._outputs, positive))
        for place, rule in rules.items():
            found = np.concatenate(terms[place], axis=1)
            if remainder(rule.rule, found) < SMOOTH:
                means[place] = math.fsum(found.real.sum(axis=0))
        return means

    def _committee(self, steps: Integers) -> Floats:
        """By Fourier sums."""
        rules = [_Fourier(self._flips, int(k), self._groups()) for k in steps]
        total = np.zeros(len(steps))
        for laws, positive in self._portions():
            total += [rule.sum(laws, self._outputs, positive) for rule in rules]
        return total

    def _groups(self) -> int:
        """A lower bound, on every pattern, of the number of groups of flips up and down that `bounds` uses."""
        return int((np.minimum(self._agreeing, self._flips[:, None] - self._agreeing) // GROUP).sum(axis=0).min())


class _Gauss:
    """Terms of the Gauss rule that conditions on k flips in all (`quadrature.py`)."""

    def __init__(self, flips: Integers, rule: GaussRule):
        self.rule = rule
        laws = np.zeros((len(flips), len(rule.nodes), flips.max() + 1), np.complex128)
        law = np.empty(flips.max() + 1)
        for m, node in enumerate(rule.nodes):
            odds = node / (1 - node)
            size = abs(odds)
            powers = np.concatenate([[1.0], np.cumprod(np.full(flips.max(), odds / size))])
            for h, d in enumerate(flips.tolist()):
                first, last = binomial_into(d, size / (1 + size), law)
                laws[h, m, first : last + 1] = law[first : last + 1] * powers[: last - first + 1]
        laws /= laws.sum(axis=2, keepdims=True)
        self.characters = np.concatenate([laws.real, laws.imag], axis=1)  # (H, Q, d + 1)

    def terms(self, parts: Floats, outputs: Signs, positive: Signs) -> NDArray[np.complex128]:
        """Terms (Q / 2, U) of U patterns, from the products (H, Q, U) of characters and probabilities."""
        (H, _, U), count = parts.shape, len(self.rule.nodes)
        plus = (parts[:, :count] + 1j * parts[:, count:]).transpose(1, 0, 2).reshape(count, -1)
        index = blocks(np.arange(H * U).reshape(H, U))
        errors = np.empty((count, U), np.complex128)
        for m in range(count):
            error_weights_into(plus[m], 1 - plus[m], index, np.array(outputs) < 0, positive, 0.0, errors[m])
        return self.rule.weights[:, None] * errors


class _Fourier:
    """Terms of the sum that conditions on k flips in all, for all patterns.

    E[errors | K = k] = sum_j E[errors exp(i theta_j (K - k))] / (M Pr(K = k)), theta_j = 2 pi j / M, for independent
    flips of probability p = k / d, and M so large that k +- M flips are out of reach.
    """

    def __init__(self, flips: Integers, k: int, groups: int):
        from scipy.stats import binom  # imported here, since it takes a third of a second

        d = int(flips.sum())
        p = k / d
        chance = float(binom.pmf(k, d, p))
        nodes = 2 + math.floor(7 * math.sqrt(d * p * (1 - p)))
        while binom.sf(k + nodes - 1, d, p) + binom.cdf(k - nodes, d, p) > TOLERANCE * chance:
            nodes += nodes // 32 + 1
        j = np.arange(nodes // 2 + 1)  # the other half is the complex conjugate
        self._negligible = TOLERANCE * chance
        j = j[bounds(2 * np.pi * j / nodes, p, flips, groups) > self._negligible]
        self._factors = np.where((j == 0) | (2 * j == nodes), 1, 2) / (nodes * chance)
        laws = binom.pmf(np.arange(flips.max() + 1), flips[:, None], p)
        likely = np.flatnonzero((laws > UNLIKELY).any(axis=0))
        self._window = slice(likely[0], likely[-1] + 1)
        phases = (2 * np.pi * j / nodes)[:, None] * (np.arange(likely[0], likely[-1] + 1) - p * flips[:, None, None])
        characters = np.stack([np.cos(phases), np.sin(phases)], axis=2) * laws[:, None, None, self._window]
        self._characters = characters.reshape(len(flips), 2 * len(j), -1)  # (H, 2 T, window)
        self._totals = self._characters.sum(axis=2)

    def sum(self, laws: Floats, outputs: Signs, positive: Signs) -> float:
        """Expected errors on some patterns."""
        plus = self._characters @ laws[:, self._window]
        wrong = np.empty(len(self._factors))
        wrong_into(plus, self._totals, outputs, positive, self._negligible, wrong)
        return float(self._factors @ wrong)


def bounds(angles: Floats, p: float, flips: Integers, groups: int) -> Floats:
    """Upper bounds (T,) of |E[exp(i theta K) 1(event)]| for any event of the votes, on any pattern.

    The expectation is at most the product over units of |E[exp(i theta K_h) 1(+)]| + |E[exp(i theta K_h) 1(-)]|, which
    is bounded in two ways. First: group GROUP flips up with as many down, `groups` times or more over all units; if A
    and B of them are made, the field depends on A - B only, and given that, 2 B is still random. Second: sum over the
    more numerous side first; part of a unimodal distribution times characters is at most its mode / sin(theta / 2).
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
