"""Exact mean number of errors after random sign flips, for any number of flips (perceptron and committee machine)."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from binland.data import Patterns
from binland.kernels.expectation import error_weights_into, sign_weights_into
from binland.models import Solution

_TOLERANCE = 1e-14  # relative to one error: flips out of reach, Fourier terms left out


class ExpectedErrors:
    """Expected errors of a solution after random flips of its weights.

    Cost for independent flips: P H^2 / 2, and sqrt(N) per distinct field; for an exact count 2 to 3 times that at
    H = 101, N = 1001.
    """

    def __init__(self, solution: Solution, patterns: Patterns):
        machine = solution.machine
        fields = solution.preactivations(patterns).astype(np.int64)
        self._field, index = np.unique(fields, return_inverse=True)
        self._index = index.reshape(fields.shape)
        self._agreeing = (machine.n_inputs + self._field) // 2
        self._opposing = machine.n_inputs - self._agreeing
        self._n_weights = machine.n_weights
        self._output_signs, self._positive = machine.output_signs, patterns.positive
        self._log_factorial = gammaln(np.arange(machine.n_inputs + 1) + 1.0)

    def independent(self, probability: float) -> float:
        """Each weight is flipped with the given probability."""
        return float(self._weights(probability, np.zeros(1), 0.0)[0].real)

    def count(self, flips: int) -> float:
        """Exactly `flips` of the weights are flipped, all choices equally likely.

        E[errors | K = k] = sum_j exp(-i k theta_j) E[errors exp(i theta_j K)] / (M Pr(K = k)), theta_j = 2 pi j / M,
        for independent flips with probability k / n, and M so large that k +- M flips are out of reach.
        """
        from scipy.stats import binom  # a third of a second, for those who ask for it

        n, p = self._n_weights, flips / self._n_weights
        nodes = 2 + math.ceil(9 * math.sqrt(n * p * (1 - p)))
        probability = float(binom.pmf(flips, n, p))
        while binom.sf(flips + nodes - 1, n, p) + binom.cdf(flips - nodes, n, p) > _TOLERANCE * probability:
            nodes += nodes // 4 + 1
        j = np.arange(nodes // 2 + 1)  # the other half is the complex conjugate
        multiplicity = np.where((j == 0) | (2 * j == nodes), 1, 2)
        angles = 2 * np.pi * j / nodes
        terms = np.exp(-1j * flips * angles) * self._weights(p, angles, _TOLERANCE * probability)
        return float(np.sum(multiplicity * terms.real) / (nodes * probability))

    def _weights(self, p: float, angles: NDArray[np.float64], negligible: float) -> NDArray[np.complex128]:
        """E[errors exp(i theta K)] at each angle."""
        shape = (len(angles), len(self._field))
        plus, minus = np.empty(shape, np.complex128), np.empty(shape, np.complex128)
        sign_weights_into(self._agreeing, self._opposing, self._field, p, angles, self._log_factorial, plus, minus)
        out = np.empty(len(angles), np.complex128)
        error_weights_into(plus, minus, self._index, self._output_signs, self._positive, negligible, out)
        return out
