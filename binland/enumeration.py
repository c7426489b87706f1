"""Exact enumeration of all weights of a small machine: solutions, distances, connected components, lowest barriers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import comb, log
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.bits import Signs, aligned
from binland.checks import checked_memory, one_of, positive_int, read_only, real_array
from binland.data import Patterns, checksum
from binland.errors import InvalidInputError, shown
from binland.kernels.enumeration import CHUNK, count_errors_into, masks_into, table_into
from binland.kernels.hypercube import (
    SIDES,
    codes_into,
    components_into,
    distances_into,
    flood,
    histogram_into,
    powers_into,
    ranks_into,
    transform,
)
from binland.kernels.vectors import WIDTH
from binland.machines import Machine, check_machine
from binland.models import Solution, check_fit, check_same, check_solutions
from binland.results import Path
from binland.summary import Summary

MOST_WEIGHTS = 28
BLOCK = 64 * WIDTH  # codes in a register
MIDDLE = 10  # bits of the table of places
PORTION = 2**20  # codes whose errors are counted at once

Codes = NDArray[np.uint32]
Counts = NDArray[Any]  # the smallest unsigned integers that hold the number of patterns
Numbers = NDArray[np.int64]


def enumerate_solutions(machine: Machine, patterns: Patterns, max_errors: int = 0) -> "Enumeration":
    """Look at all 2^n weight vectors of a small machine: how many make how many errors, and which ones are solutions.

    Parameters
    ----------
    machine : Perceptron or CommitteeMachine
        A machine with n <= 28 weights.
    patterns : Patterns
        Patterns with as many inputs as the machine.
    max_errors : int, default 0
        A weight vector is a solution if it makes at most this many errors.

    Returns
    -------
    Enumeration
        ``.count``, ``.entropy``, ``.energies``, ``.solution(k)``, distances, components and lowest barriers.

    Raises
    ------
    InvalidInputError
        If machine and patterns do not fit, there are more than 28 weights, or the work does not fit into memory.

    Notes
    -----
    2^24 weight vectors on 24 patterns take about 20 ms, 2^28 less than 1 s. Memory: 16 kB per pattern and 8 bytes per
    solution.

    Examples
    --------
    >>> import binland as bl
    >>> every = bl.enumerate_solutions(bl.Perceptron(3), bl.Patterns([[1, 1, 1], [1, 1, -1]], [1, 1]))
    >>> every.count, every.energies.tolist(), every.solution(0).weights.tolist()
    (2, [2, 4, 2], [1, 1, -1])
    """
    check_fit(machine, patterns)
    check_size(machine)
    most = positive_int("max_errors", max_errors, minimum=0)
    n, size = machine.n_weights, patterns.n_patterns + 1
    histogram, found = np.zeros((SIDES, size), np.int64), []
    spare = np.empty(PORTION, np.uint32)
    for first, counts in error_counts(machine, patterns):
        histogram_into(counts, histogram)
        found.append(spare[: codes_into(counts, first, most, spare)].copy())
        checked_memory(f"solutions with at most {most} errors", 8 * sum(map(len, found)))
    assert histogram.sum() == 1 << n
    return Enumeration(machine, patterns, most, histogram.sum(axis=0), np.concatenate(found))


@dataclass(frozen=True)
class _Problem:
    """Machine and patterns as a key of the cache: equal for equal patterns."""

    machine: Machine
    checksum: str
    patterns: Patterns = field(compare=False)


@lru_cache(maxsize=1)
def _enumeration(problem: _Problem) -> "Enumeration":
    return enumerate_solutions(problem.machine, problem.patterns)


def kept_enumeration(machine: Machine, patterns: Patterns) -> "Enumeration":
    """`enumerate_solutions` with a cache of one: repeated calls for the same problem enumerate it once."""
    return _enumeration(_Problem(machine, checksum(patterns), patterns))


def check_size(machine: Machine) -> None:
    """Raise InvalidInputError unless it is a machine whose weights can be enumerated."""
    check_machine(machine)
    if machine.n_weights > MOST_WEIGHTS:
        raise InvalidInputError(
            f"{shown(machine)} has {machine.n_weights} weights; at most {MOST_WEIGHTS} can be enumerated: choose less"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Enumeration(Summary):
    """All weight vectors of a small machine and the errors they make on its patterns (`enumerate_solutions`).

    Each weight vector has a code, an integer from 0 to 2^n - 1: bit i is 1 if weight i (flat, row-major) is +1.

    Attributes
    ----------
    machine : Perceptron or CommitteeMachine
        The machine, with n weights.
    patterns : Patterns
        Its P patterns.
    max_errors : int
        Number of errors that a solution may make.
    energies : numpy.ndarray of shape (P + 1,), int64
        Number of weight vectors that make 0, 1, ..., P errors; the sum is 2^n.
    solutions : numpy.ndarray of shape (count,), uint32
        Codes of the solutions, ascending.
    """

    machine: Machine
    patterns: Patterns
    max_errors: int
    energies: Numbers
    solutions: Codes

    _shown = ("machine", "patterns", "max_errors", "count", "entropy")

    def __post_init__(self) -> None:
        object.__setattr__(self, "energies", read_only(self.energies))
        object.__setattr__(self, "solutions", read_only(self.solutions))

    @property
    def n_weights(self) -> int:
        """Number of weights n."""
        return self.machine.n_weights

    @property
    def count(self) -> int:
        """Number of solutions."""
        return len(self.solutions)

    @property
    def entropy(self) -> float:
        """ln(number of solutions) / n; -inf if there is no solution."""
        return log(self.count) / self.n_weights if self.count else -np.inf

    def solution(self, k: int) -> Solution:
        """The k-th solution, in the order of the codes.

        Parameters
        ----------
        k : int
            0 to count - 1.

        Returns
        -------
        Solution
            Its weights.

        Raises
        ------
        InvalidInputError
            If there is no such solution.
        """
        place = positive_int("k", k, minimum=0)
        if place >= self.count:
            raise InvalidInputError(f"k={place} is beyond the last of {self.count} solutions, which are 0, 1, ...")
        return Solution(self.machine, self.weights(self.solutions[place]))

    def weights(self, codes: ArrayLike) -> Signs:
        """The weights that belong to codes.

        Parameters
        ----------
        codes : array_like of int
            Codes from 0 to 2^n - 1, in any shape.

        Returns
        -------
        numpy.ndarray of shape codes.shape + weight_shape, int8
            Weights, -1 or +1.

        Raises
        ------
        InvalidInputError
            If something is not a code, or the weights do not fit into memory.
        """
        array = real_array("codes", codes)
        if array.dtype.kind not in "iu" or np.any(array < 0) or np.any(array >= 1 << self.n_weights):
            raise InvalidInputError(f"codes={shown(codes)} are not integers from 0 to 2^{self.n_weights} - 1")
        checked_memory(f"weights of {array.size} codes", 10 * array.size * self.n_weights)
        bits = (array.astype(np.uint32)[..., None] >> np.arange(self.n_weights, dtype=np.uint32)) & np.uint32(1)
        return (2 * bits.astype(np.int8) - 1).astype(np.int8).reshape(*array.shape, *self.machine.weight_shape)

    def code(self, solution: Solution) -> int:
        """The code of any weights of the machine.

        Parameters
        ----------
        solution : Solution
            Weights, which need not be a solution in the sense of `max_errors`.

        Returns
        -------
        int
            Its code, 0 to 2^n - 1.

        Raises
        ------
        InvalidInputError
            If the weights are of another machine.
        """
        check_solutions(solution)
        if solution.machine != self.machine:
            raise InvalidInputError(f"{shown(solution)} is not of the machine enumerated, {shown(self.machine)}")
        return int(np.sum((solution.weights.reshape(-1) > 0) << np.arange(self.n_weights, dtype=np.int64)))

    def index(self, solution: Solution) -> int | None:
        """The place of given weights among the solutions.

        Parameters
        ----------
        solution : Solution
            Weights of the machine.

        Returns
        -------
        int or None
            k such that ``solution(k)`` has these weights; None if they make more than `max_errors` errors.

        Raises
        ------
        InvalidInputError
            If the weights are of another machine.
        """
        code = self.code(solution)
        k = int(np.searchsorted(self.solutions, code))
        return k if k < self.count and self.solutions[k] == code else None

    @cached_property
    def error_counts(self) -> Counts:
        """Number of errors of every weight vector, by its code: (2^n,), of the smallest unsigned type that holds P.

        Counted at first use. Memory: 2^n bytes, twice as many for 256 patterns or more. Raises InvalidInputError if
        that does not fit.
        """
        dtype = np.min_scalar_type(self.patterns.n_patterns)
        checked_memory(f"error counts of 2^{self.n_weights} weight vectors", dtype.itemsize << self.n_weights)
        out = np.empty(1 << self.n_weights, dtype)
        for first, counts in error_counts(self.machine, self.patterns):
            out[first : first + len(counts)] = counts
        return out

    # Distances

    def distances(self, reference: Solution) -> Numbers:
        """Number of solutions at each Hamming distance from given weights.

        Parameters
        ----------
        reference : Solution
            Weights of the machine; they need not be a solution.

        Returns
        -------
        numpy.ndarray of shape (n + 1,), int64
            Number of solutions that differ from it in 0, 1, ..., n weights. ln(number) / n against distance / n is its
            local entropy.

        Raises
        ------
        InvalidInputError
            If the weights are of another machine.
        """
        histogram = np.zeros(self.n_weights + 1, np.int64)
        distances_into(self.solutions, np.uint32(self.code(reference)), histogram)
        return histogram

    def pair_distances(self) -> Numbers:
        """Number of ordered pairs of solutions at each Hamming distance, each solution with itself included.

        Returns
        -------
        numpy.ndarray of shape (n + 1,), int64
            Number of pairs that differ in 0, 1, ..., n weights.

        Raises
        ------
        InvalidInputError
            If the work does not fit into memory, 4 x 2^n bytes.

        Notes
        -----
        Computed from the Walsh-Hadamard transform of the set of solutions with Krawtchouk polynomials, not pair by
        pair: n 2^n additions, exact, half a second for n = 24 and 20 s for n = 28.
        """
        n = self.n_weights
        checked_memory(f"pairs of solutions among 2^{n} weight vectors", 4 << n)
        spectrum = np.zeros(1 << n, np.int32)
        spectrum[self.solutions] = 1
        transform(spectrum)
        powers = np.zeros(n + 1, np.int64)
        powers_into(spectrum, powers)
        sums = [sum(krawtchouk(n, d, j) * int(powers[j]) for j in range(n + 1)) for d in range(n + 1)]
        return np.array([total >> n for total in sums], np.int64)

    # Connectedness under flips of single weights

    @property
    def components(self) -> Numbers:
        """Sizes of the connected components, (C,) int64, descending.

        Two solutions are neighbours if they differ in one weight. Memory: 2^n / 5 bytes and 40 per solution; raises
        InvalidInputError if that does not fit.
        """
        return self._connected[0]

    @property
    def component_labels(self) -> Numbers:
        """Component of each solution, (count,) int64: its place in `components`; ties are ordered by lowest code."""
        return self._connected[1]

    @cached_property
    def _connected(self) -> tuple[Numbers, Numbers]:
        words = -(-(1 << self.n_weights) // 64)
        checked_memory(f"components of {self.count} solutions", 12 * words + 40 * self.count)
        present, ranks = np.zeros(words, np.uint64), np.empty(words, np.uint32)
        ranks_into(self.solutions, present, ranks)
        parents = np.empty(self.count, np.int64)
        components_into(self.solutions, present, ranks, parents)
        _, labels, sizes = np.unique(parents, return_inverse=True, return_counts=True)
        order = np.argsort(-sizes, kind="stable")
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return read_only(sizes[order].astype(np.int64)), read_only(places[labels])

    def bottleneck(self, start: Solution, end: Solution, paths: Literal["all", "shortest"] = "all") -> Path:
        """A path with the lowest possible barrier between two weight vectors, exactly.

        Parameters
        ----------
        start, end : Solution
            Any weights of the machine.
        paths : {"all", "shortest"}, default "all"
            "all": every sequence of single flips, of which one with the fewest flips at the lowest barrier is given; a
            weight may be flipped and flipped back. "shortest": only paths that flip every differing weight once.

        Returns
        -------
        Path
            Its ends are `start` and `end` without latents.

        Raises
        ------
        InvalidInputError
            If the weights are of another machine, `paths` is another word, or the work does not fit into memory: 2 x
            2^n bytes (4 x 2^n from 256 patterns on) and 4 per weight vector with at most as many errors as the barrier.
        """
        straight = one_of("paths", paths, ("all", "shortest")) == "shortest"
        check_same(start, end)
        first, last = self.code(start), self.code(end)
        flips = lowest_flips(self.error_counts, self.energies, first, last, straight)
        codes = np.bitwise_xor.accumulate(np.concatenate([[first], 1 << flips]))
        heights, p = self.error_counts[codes].astype(np.int64), self.patterns.n_patterns
        a, b = (Solution(self.machine, solution.weights) for solution in (start, end))
        return Path(heights, p, flips, start=a, end=b, order="exact")

    def __repr__(self) -> str:
        return f"Enumeration({self.machine}, {self.count} solutions with at most {self.max_errors} errors)"


def lowest_flips(counts: Counts, energies: Numbers, start: int, end: int, straight: bool) -> Numbers:
    """Weights to flip, (d,), from one code to another with the lowest barrier.

    The level of errors is raised until a flood fill from the start reaches the end.
    """
    n, level, reached = counts.size.bit_length() - 1, -1, int(max(counts[start], counts[end]))
    via = np.empty(counts.size, np.uint8)
    while reached > level:
        level = reached
        below = int(energies[: level + 1].sum())
        checked_memory(f"ways through {below} weight vectors", 2 * counts.nbytes + 4 * below)
        via[:] = 0
        reached = flood(counts, start, end, level, n, straight, via, np.empty(below, np.uint32))
    flips: list[int] = []
    while end != start:
        flips.append(int(via[end]) - 1)
        end ^= 1 << flips[-1]
    return np.array(flips[::-1], np.int64)


def krawtchouk(n: int, d: int, j: int) -> int:
    """Krawtchouk polynomial: sum of (-1)^|x and u| over all n-bit x with d ones, for any u with j ones."""
    return sum((-1) ** i * comb(j, i) * comb(n - j, d - i) for i in range(max(0, d - n + j), min(j, d) + 1))


# Counting


def error_counts(machine: Machine, patterns: Patterns) -> Iterator[tuple[int, Counts]]:
    """Errors of all codes in ascending blocks: yields the first code and the counts (any,), a buffer that is reused.

    Raises InvalidInputError if the tables do not fit into memory.
    """
    checked_memory(f"tables of {patterns.n_patterns} patterns", 16_000 * patterns.n_patterns)
    chunks = [
        Tables(machine, patterns.words[first : first + CHUNK, 0], patterns.labels[first : first + CHUNK])
        for first in range(0, patterns.n_patterns, CHUNK)
    ]
    n_codes = 1 << machine.n_weights
    counts = aligned((max(min(n_codes, PORTION), BLOCK),), np.min_scalar_type(patterns.n_patterns))
    for first in range(0, n_codes, len(counts)):
        counts[:] = 0
        for tables in chunks:
            tables.count_into(first, counts)
        yield first, counts[:n_codes]


class Tables:
    """Look-up tables of `kernels.enumeration` for up to CHUNK patterns: words (P,) uint64 and labels (P,) int8."""

    def __init__(self, machine: Machine, words: NDArray[np.uint64], labels: Signs):
        n, inputs = machine.n_weights, machine.n_inputs
        low = min(BLOCK.bit_length() - 1, n)
        split = -low % inputs  # number of high weights of the unit that is split between low and high bits
        stride = (n - low - split) // inputs + 1
        places = (split + 1) * stride
        high = middle_end(n, inputs, low)
        self._machine = words.copy(), machine.output_signs, inputs
        masks = aligned((len(words), places, WIDTH), np.uint64)
        masks_into(words.copy(), labels.copy(), machine.output_signs, inputs, low, stride, masks)
        table = np.empty((1 << (high - low), len(words)), np.int64)
        table_into(low, high, *self._machine, stride, places, table)
        self._rest = len(table), high
        self._tables = stride, masks.reshape(-1, WIDTH), table

    def count_into(self, first: int, counts: Counts) -> None:
        """Add the errors of the codes from `first` on to counts (any,), for whole ranges of the middle bits."""
        count_errors_into(first, *self._rest, *self._machine, *self._tables, counts)


def middle_end(n: int, inputs: int, low: int) -> int:
    """Where the middle bits of a code end: at most MIDDLE after the low ones, not inside a unit of high bits only."""
    split = low + -low % inputs
    ends = range(low, min(n, low + MIDDLE) + 1)
    return max(end for end in ends if end <= split or end % inputs == 0)
