"""Errors after every sign flip of a walk in weight space: what paths and local energies are read from."""

import numpy as np
from numpy.typing import NDArray

from binland.bits import aligned
from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.kernels.lanes import PLANES
from binland.kernels.walk import flips_into, shuffle_into, start_into, walk_errors_into
from binland.kernels.vectors import WIDTH
from binland.models import Solution, check_fit


class Walker:
    """The start of walks from a solution, on patterns: the counters of `kernels.walk`, computed once for many walks.

    Raises InvalidInputError if the patterns do not fit, or beyond 2^24 inputs or hidden units.
    """

    def __init__(self, solution: Solution, patterns: Patterns):
        machine = solution.machine
        check_fit(machine, patterns)
        self.n_patterns = patterns.n_patterns
        self._patterns, self._weights, self._output_signs = patterns, np.array(solution.units), machine.output_signs
        blocks = len(patterns.rows)
        self._fields = aligned((blocks, machine.n_hidden, _n_planes(machine.n_inputs), WIDTH), np.uint64)
        self._signs = aligned((blocks, machine.n_hidden, WIDTH), np.uint64)
        self._votes = aligned((blocks, _n_planes(machine.n_hidden), WIDTH), np.uint64)
        start_into(self._weights, self._output_signs, patterns.rows, self._fields, self._signs, self._votes)

    def error_counts(self, flipped: NDArray[np.int64]) -> NDArray[np.int64]:
        """(d + 1,) int64 errors of the start and after each flip of the weights flipped (d,), flat indices, each once."""
        flips = np.empty(len(flipped), np.int64)
        flips_into(flipped, self._weights, self._output_signs, flips)
        errors = np.empty(len(flipped) + 1, np.int64)
        counters = [aligned(start.shape, np.uint64) for start in (self._fields, self._signs, self._votes)]
        for counter, start in zip(counters, (self._fields, self._signs, self._votes), strict=True):
            counter[:] = start
        walk_errors_into(flips, self._patterns.rows, *counters, self._patterns.negative, self._patterns.real, errors)
        return errors


def random_order(rng: np.random.Generator, items: NDArray[np.int64], length: int | None = None) -> NDArray[np.int64]:
    """The first `length` (all by default) of a uniformly random order of items (n,); the shorter begins the longer."""
    order = items.copy()
    shuffle_into(rng.random(len(items) if length is None else length), order)
    return order[:length]


def _n_planes(largest: int) -> int:
    """Planes of a counter from -ceil(largest / 2) to largest / 2."""
    for n in PLANES:
        if largest < 1 << n:
            return n
    raise InvalidInputError(
        f"a machine with {largest} inputs or hidden units is too large for walks: below 2^24, please"
    )
