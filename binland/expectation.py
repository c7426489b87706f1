"""Exact mean number of errors after random flips, for perceptrons and committee machines."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.data import Patterns
from binland.kernels.expectation import blocks, error_weights_into, largest_bound, sign_weights_into
from binland.models import Solution
from binland.quadrature import OUTSIDE, fourier_rule, smooth_mean

_TOLERANCE = 1e-15  # Fourier terms below this, relative to one error, are left out


class ExpectedErrors:
    """Expected number of errors of a solution after random flips of its weights.

    Errors are below 1e-13 per pattern. Cost for independent flips: P H^2 / 4, and sqrt(N) per distinct field. For an
    exact number k of n flips: 2 times that for k from about 3600, 3 times from 225, 4 or 6 times from 25; for fewer
    flips, and for few units whose fields tell even from odd k, 4 sqrt(k (n - k) / n) times.
    """

    def __init__(self, solution: Solution, patterns: Patterns):
        machine = solution.machine
        fields = solution.preactivations(patterns).astype(np.int64)
        self._swapped = np.array(machine.output_signs) < 0
        votes = ((fields >= 0) != self._swapped[:, None]).sum(axis=0)
        order = np.argsort(votes, kind="stable")  # neighbouring patterns then have similar numbers of votes
        shifted = fields[:, order] - fields.min()
        present = np.bincount(shifted.reshape(-1)) > 0
        self._field = np.flatnonzero(present) + fields.min()
        self._index = blocks((np.cumsum(present) - 1)[shifted])
        self._positive = patterns.positive[order]
        self._agreeing = (machine.n_inputs + self._field) // 2
        self._opposing = machine.n_inputs - self._agreeing
        self._n_weights = machine.n_weights

    def independent(self, probability: float) -> float:
        """Mean number of errors if each weight is flipped with the given probability."""
        plus, minus = self._signs(probability, 1.0 + 0.0j, relative=True)
        return math.fsum(self._errors(plus, minus, 0.0).real)

    def count(self, flips: int) -> float:
        """Mean number of errors if exactly `flips` weights, uniformly chosen, are flipped.

        By a Gauss rule over complex flip probabilities where the mean is smooth in the number of flips, else by a
        Fourier sum (`quadrature.py`).
        """
        if flips in (0, self._n_weights):
            return self.independent(flips / self._n_weights)
        found = self._smooth_sum(flips)
        return self._fourier_sum(flips) if found is None else found

    def _smooth_sum(self, k: int) -> float | None:
        """By Gauss rules, which only see characters z near 1 of E[errors z^K]; None if others may matter.

        The only other place where contributions do not cancel is z near -1: few units, whose fields tell even from odd
        K. A bound has to exclude it.
        """
        opposite = self._signs(k / self._n_weights, -1.0 + 0.0j, relative=False)
        if largest_bound(self._index, *opposite) > OUTSIDE / math.sqrt(k):
            return None
        return smooth_mean(k, self._n_weights, self._errors_at)

    def _errors_at(self, node: complex) -> NDArray[np.complex128]:
        """Probability of an error on each pattern for independent flips of complex probability."""
        odds = node / (1 - node)
        size = abs(odds)
        return self._errors(*self._signs(size / (1 + size), odds / size, relative=True), 0.0)

    def _fourier_sum(self, k: int) -> float:
        rule = fourier_rule(k, self._n_weights)
        total = np.zeros(len(self._positive))
        for character, weight in zip(rule.characters, rule.weights, strict=True):
            plus, minus = self._signs(k / self._n_weights, character, relative=False)
            total += (weight * self._errors(plus, minus, _TOLERANCE * rule.chance)).real
        return math.fsum(total)

    def _signs(self, p: float, z: complex, relative: bool) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        plus, minus = np.empty((2, len(self._field)), np.complex128)
        sign_weights_into(self._agreeing, self._opposing, self._field, p, z, relative, plus, minus)
        return plus, minus

    def _errors(
        self, plus: NDArray[np.complex128], minus: NDArray[np.complex128], limit: float
    ) -> NDArray[np.complex128]:
        out = np.empty(len(self._positive), np.complex128)
        error_weights_into(plus, minus, self._index, self._swapped, self._positive, limit, out)
        return out
