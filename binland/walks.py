"""Exact error counts of a machine while its weights flip one by one."""

from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from binland.bits import WORD, Signs, Words, aligned, aligned_copy
from binland.checks import checked_memory
from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.kernels.lanes import PLANES
from binland.kernels.vectors import WIDTH
from binland.kernels.walk import (
    codes_into,
    draw_into,
    flips_into,
    jump_errors_into,
    shuffle_into,
    start_into,
    vote_into,
    walk_errors_into,
)
from binland.models import Machine, Solution, check_fit

Indices = TypeVar("Indices", NDArray[np.int32], NDArray[np.int64])
Codes = NDArray[np.uint32] | NDArray[np.uint64]


class Counters:
    """The bit-sliced counters of `kernels.walk` for a machine with weights (H, N) int8 on patterns.

    error_count: errors of the machine. Raises InvalidInputError if the patterns do not fit, from 2^24 inputs or hidden
    units on, or beyond this machine's memory.
    """

    def __init__(self, machine: Machine, weights: NDArray[np.int8], patterns: Patterns):
        check_fit(machine, patterns)
        self.patterns, self.output_signs = patterns, machine.output_signs
        work = f"walks on {patterns.n_patterns} patterns and {machine.n_hidden} units"
        checked_memory(work, 2 * counter_bytes(machine, patterns))
        self.fields, self.signs, self.votes = empty_counters(machine, patterns)
        self.error_count = count_into(weights, self.output_signs, patterns, self.fields, self.signs, self.votes)


def counter_bytes(machine: Machine, patterns: Patterns) -> int:
    """Bytes of the counters of all units and of the votes. Raises InvalidInputError from 2^24 inputs or units on."""
    planes = machine.n_hidden * n_planes(machine.n_inputs) + n_planes(machine.n_hidden)
    return _n_blocks(patterns) * planes * WIDTH * 8


def empty_counters(machine: Machine, patterns: Patterns, *copies: int) -> tuple[Words, Words, Words]:
    """Buffers for fields, signs and votes of `kernels.walk`, for a machine or an array of copies of it."""
    shape, h = (*copies, _n_blocks(patterns)), machine.n_hidden
    return (
        aligned((*shape, h, n_planes(machine.n_inputs), WIDTH), np.uint64),
        aligned((*shape, h, WIDTH), np.uint64),
        aligned((*shape, n_planes(h), WIDTH), np.uint64),
    )


def count_into(
    weights: Signs, output_signs: Signs, patterns: Patterns, fields: Words, signs: Words, votes: Words
) -> int:
    """Compute the counters of a machine with weights (H, N) into `empty_counters`; returns its number of errors."""
    start_into(weights, output_signs, patterns.rows, fields)
    blocks = zip(fields, patterns.negative, patterns.real, signs, votes, strict=True)
    return sum(vote_into(*block) for block in blocks)


def _n_blocks(patterns: Patterns) -> int:
    """Number of blocks of patterns, each of which fills a vector register."""
    return -(-patterns.n_patterns // (WORD * WIDTH))


class Walker:
    """Walks from a solution on patterns; its start is computed once. Raises as `Counters`.

    error_count: errors of the start.
    """

    def __init__(self, solution: Solution, patterns: Patterns):
        self._weights = np.array(solution.units)
        self._start = start = Counters(solution.machine, self._weights, patterns)
        self._moving = [aligned_copy(counters) for counters in (start.fields, start.signs, start.votes)]
        self.patterns, self.n_patterns, self.error_count = patterns, patterns.n_patterns, start.error_count

    def error_counts(self, flipped: Indices) -> NDArray[np.int64]:
        """Errors at the start and after every flip, (d + 1,) int64; flipped: (d,) distinct flat indices of weights."""
        units, rows = np.empty(len(flipped), np.uint32), np.empty(len(flipped), np.int32)
        flips_into(flipped, self._weights, self._start.output_signs, units, rows)
        errors = np.empty(len(flipped) + 1, np.int64)
        errors[0] = self.error_count
        walk_errors_into(units, rows, *self._counters(), errors[1:])
        return errors

    def error_counts_after(self, uniforms: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Errors after the first lengths[s] flips of a uniformly random order of all weights, (S,) int64.

        uniforms: (d,) float64 in [0, 1) that determine the order as in `random_order`; lengths: at most d each. Faster
        than `error_counts`, which counts after every flip.
        """
        shift, codes, drawn, rows = self._flips
        order = np.argsort(lengths)
        places, errors = np.empty((len(order) + 1, len(self._weights)), np.int64), np.empty(len(order), np.int64)
        drawn[:] = codes
        draw_into(uniforms, lengths[order], shift, drawn, rows, places)
        jump_errors_into(rows, places, *self._counters(), errors)
        return errors[np.argsort(order)]

    @cached_property
    def _flips(self) -> tuple[int, Codes, Codes, NDArray[np.int32]]:
        """For `draw_into`: shift, codes of all flips, and buffers, which are kept because fresh memory is slow."""
        n_hidden, n_inputs = self._weights.shape
        shift = (2 * n_inputs - 1).bit_length()
        dtype: Any = np.uint64 if n_hidden << shift > 1 << 32 else np.uint32
        codes: Codes = np.empty(self._weights.size, dtype)
        codes_into(self._weights, self._start.output_signs, shift, codes)
        return shift, codes, np.empty_like(codes), np.empty(codes.size, np.int32)

    def _counters(self) -> tuple[Words, Words, Words, Words, Words, Words]:
        """Arguments of the kernels from `rows` to `real`, reset to the start."""
        start, patterns, (fields, signs, votes) = self._start, self.patterns, self._moving
        fields[...], signs[...], votes[...] = start.fields, start.signs, start.votes
        return patterns.rows, fields, signs, votes, patterns.negative, patterns.real


def random_order(rng: np.random.Generator, items: Indices, length: int | None = None) -> Indices:
    """The first `length` (default: all) items of a uniformly random order; the shorter begins the longer."""
    order = items.copy()
    shuffle_into(rng.random(len(items) if length is None else length), order)
    return order[:length]


def n_planes(largest: int) -> int:
    """Number of bit planes of a counter that runs from -ceil(largest / 2) to largest / 2."""
    for n in PLANES:
        if largest < 1 << n:
            return n
    raise InvalidInputError(
        f"a machine with {largest} inputs or hidden units is too large for walks: below 2^24, please"
    )
